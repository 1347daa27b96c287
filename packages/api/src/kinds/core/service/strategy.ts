/** What happens to services on their way in, besides defaults and checks (pkg/registry/core/service). */
import { semanticEqual } from '@canopus/apimachinery'
import type { Service, ServiceSpec } from '../../../generated/core.v1.ts'
import { copyField } from '../../shared/strategy.ts'
import { isExternallyAccessible, isGivenNodePorts, needsHealthCheckNodePort, needsNodePort } from './fields.ts'

export function prepareForCreate(service: Service): void {
  const { spec } = service
  if (spec.clusterIP && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP]
  dropInternalPolicy(spec)
}

/** Services that are names alone take a policy and never show it (defaultOnReadInternalTrafficPolicy). */
function dropInternalPolicy(spec: ServiceSpec): void {
  const policy = spec.internalTrafficPolicy
  if (spec.type === 'ExternalName' && (policy === 'Cluster' || policy === 'Local')) delete spec.internalTrafficPolicy
}

export function prepareForUpdate(service: Service, old: Service): void {
  keepAllocated(service, old)
  pairClusterIPs(service.spec, old.spec)
  dropWhatTheTypeDoesNotNeed(service, old)
  if (service.spec.type !== 'LoadBalancer' && service.status !== undefined) {
    service.status = { ...service.status, loadBalancer: {} }
  }
}

/** Clients that leave out what the server allocated get it back (PatchAllocatedValues). */
function keepAllocated(service: Service, old: Service): void {
  const { spec } = service
  if (isInside(old) && isInside(service)) {
    if (!spec.clusterIP) copyField(spec, old.spec, 'clusterIP')
    if ((spec.clusterIPs ?? []).length === 0) copyField(spec, old.spec, 'clusterIPs')
  }
  if (isGivenNodePorts(old) && isGivenNodePorts(service)) keepNodePorts(spec, old.spec)
  if (needsHealthCheckNodePort(old) && needsHealthCheckNodePort(service) && !spec.healthCheckNodePort) {
    copyField(spec, old.spec, 'healthCheckNodePort')
  }
}

function keepNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  const portsOf = ({ ports }: ServiceSpec): Set<number> => new Set((ports ?? []).map(port => port.nodePort ?? 0))
  const used = portsOf(old).intersection(portsOf(spec))
  const byName = new Map((old.ports ?? []).map(port => [port.name ?? '', port.nodePort ?? 0]))
  for (const port of spec.ports ?? []) {
    if (port.nodePort) continue
    const before = byName.get(port.name ?? '') ?? 0
    if (before !== 0 && !used.has(before)) port.nodePort = before
  }
}

/** Clients that only know `clusterIP` change it alone: `clusterIPs` follows (NormalizeClusterIPs). */
function pairClusterIPs(spec: ServiceSpec, old: ServiceSpec): void {
  const ips = spec.clusterIPs ?? []
  const oldIps = old.clusterIPs ?? []
  if ((spec.clusterIP ?? '') === (old.clusterIP ?? '')) {
    if (ips.length > 0) return
    // Services of long ago have one address alone, and are read as if it stood in the list.
    if (oldIps.length > 0) spec.clusterIPs = oldIps
    else if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP]
  } else if (!spec.clusterIP) delete spec.clusterIPs
  else if (semanticEqual(ips, oldIps)) spec.clusterIPs = [spec.clusterIP]
}

/** A change of type takes away what the new type has no use for, unless the user set it anew (dropTypeDependentFields). */
function dropWhatTheTypeDoesNotNeed(service: Service, old: Service): void {
  const { spec } = service
  const lost = (needs: (service: Service) => boolean): boolean => needs(old) && !needs(service)
  const same = (field: keyof ServiceSpec): boolean => semanticEqual(spec[field], old.spec[field])
  if (lost(isInside) && same('clusterIP') && same('clusterIPs')) {
    delete spec.clusterIP
    delete spec.clusterIPs
  }
  if (lost(isInside) && same('ipFamilies')) delete spec.ipFamilies
  if (lost(isInside) && same('ipFamilyPolicy')) delete spec.ipFamilyPolicy
  if (lost(needsNodePort) && sameNodePorts(spec, old.spec)) for (const port of spec.ports ?? []) delete port.nodePort
  if (lost(needsHealthCheckNodePort) && same('healthCheckNodePort')) delete spec.healthCheckNodePort
  if (lost(isLoadBalancer)) {
    if (same('allocateLoadBalancerNodePorts')) delete spec.allocateLoadBalancerNodePorts
    if (same('loadBalancerClass')) delete spec.loadBalancerClass
  }
  if (lost(isExternallyAccessible) && same('externalTrafficPolicy')) delete spec.externalTrafficPolicy
  dropInternalPolicy(spec)
}

const isLoadBalancer = ({ spec }: Service): boolean => spec.type === 'LoadBalancer'

/** Whatever type it says, but for names alone it is meant to have an address. */
const isInside = ({ spec }: Service): boolean => spec.type !== 'ExternalName'

/** No new ones. */
function sameNodePorts(now: ServiceSpec, old: ServiceSpec): boolean {
  const before = new Set((old.ports ?? []).map(port => port.nodePort))
  return (now.ports ?? []).every(({ nodePort }) => !nodePort || before.has(nodePort))
}
