import type { Service } from '../../../generated/core.v1.ts'
import { isExternallyAccessible } from './fields.ts'

const AFFINITY_SECONDS = 10800

/** Defaults of pkg/apis/core/v1/defaults.go; addresses and node ports are allocated by the API server. */
export function defaultService(service: Service): void {
  service.spec ??= {}
  const { spec } = service
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig ??= {}
    spec.sessionAffinityConfig.clientIP ??= {}
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= AFFINITY_SECONDS
  }
  spec.type ||= 'ClusterIP'
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    port.targetPort ||= port.port
  }
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type !== 'LoadBalancer') return
  spec.allocateLoadBalancerNodePorts ??= true
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP'
}

/**
 * Services from before there were several addresses (pkg/registry/core/service/storage, defaultOnReadService). Headless ones
 * without families stay so: those are the server's.
 */
export function completeService({ spec }: Service): void {
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
  const addresses = spec.clusterIPs ?? []
  if (spec.type === 'ExternalName' || spec.clusterIP === 'None' || addresses.length === 0) return
  if (spec.ipFamilies?.length) return
  spec.ipFamilies = addresses.map(address => (address.includes(':') ? 'IPv6' : 'IPv4'))
  spec.ipFamilyPolicy = addresses.length === 1 ? 'SingleStack' : 'RequireDualStack'
}
