/** From a pod to an endpoint of a service. Behaviour: kubernetes staging/src/k8s.io/endpointslice/utils.go. */

import type { Node, Pod, Service, ServicePort } from '@canopus/api/core/v1'
import type { Endpoint, EndpointPort } from '@canopus/api/discovery/v1'
import { isIpv6, stableJson } from '@canopus/apimachinery'
import { isReady } from '../common/pods.ts'
import { hasTopologyMode } from './topology-hints.ts'

export type AddressType = 'IPv4' | 'IPv6'

/** Of the families that the service has; a headless service without selection of families gets IPv4. */
export function addressTypes(service: Service): AddressType[] {
  const families = service.spec?.ipFamilies ?? []
  if (families.length > 0) return families.map(family => family as AddressType)
  const clusterIp = service.spec?.clusterIP ?? ''
  return [isIpv6(clusterIp) ? 'IPv6' : 'IPv4']
}

/** Whether the pod can be an endpoint at all: it runs somewhere and has an address. */
export function isEligible(pod: Pod, includeTerminating: boolean): boolean {
  const { phase, podIP, podIPs } = pod.status ?? {}
  if (phase === 'Succeeded' || phase === 'Failed') return false
  if (!podIP && (podIPs ?? []).length === 0) return false
  return includeTerminating || !pod.metadata.deletionTimestamp
}

export function addressesOf(pod: Pod, type: AddressType): string[] {
  const all = pod.status?.podIPs?.map(each => each.ip) ?? (pod.status?.podIP ? [pod.status.podIP] : [])
  return all.filter(ip => isIpv6(ip) === (type === 'IPv6'))
}

export function endpointOf(pod: Pod, service: Service, type: AddressType, node: Node | undefined): Endpoint {
  const serving = isReady(pod)
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone']
  const hostname = hostnameOf(pod, service)
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating)
  const hints = ready ? hintsOf(service, zone, pod.spec?.nodeName) : undefined
  return {
    addresses: addressesOf(pod, type),
    conditions: {
      ready,
      serving,
      terminating,
    },
    ...(hostname ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace!, name: pod.metadata.name, uid: pod.metadata.uid },
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...(hints ? { hints } : {}),
  }
}

/** For whom an endpoint is meant first, as the service wishes (KEP-3015, staging/src/k8s.io/endpointslice/trafficdist). */
function hintsOf(service: Service, zone: string | undefined, node: string | undefined): Endpoint['hints'] | undefined {
  const distribution = service.spec?.trafficDistribution
  if (!distribution || hasTopologyMode(service)) return undefined
  const forZones = zone ? { forZones: [{ name: zone }] } : undefined
  switch (distribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return forZones
    case 'PreferSameNode':
      return node ? { ...forZones, forNodes: [{ name: node }] } : forZones
    default:
      return undefined
  }
}

/** Pods with a name of their own under the service get it as a DNS name. */
export function hostnameOf(pod: Pod, service: Service): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {}
  const isMember = subdomain === service.metadata.name && service.metadata.namespace === pod.metadata.namespace
  return hostname && isMember ? hostname : undefined
}

/** The ports as this pod serves them; ports whose name no container has are left out. */
export function portsOf(pod: Pod, service: Service): EndpointPort[] {
  const ports: EndpointPort[] = []
  for (const each of service.spec?.ports ?? []) {
    const port = targetPortOf(pod, each)
    if (port === undefined) continue
    ports.push({
      name: each.name ?? '',
      protocol: each.protocol ?? 'TCP',
      port,
      ...(each.appProtocol ? { appProtocol: each.appProtocol } : {}),
    })
  }
  return ports
}

/** Ports of pods with their JSON. Only names are looked up pod by pod; where there are none, all pods are alike. */
export function memoizedPorts<P>(
  service: Service,
  portsOf: (pod: Pod) => P[],
): (pod: Pod) => { ports: P[]; id: string } {
  const isNamed = (service.spec?.ports ?? []).some(({ targetPort }) => typeof targetPort === 'string')
  const compute = (pod: Pod): { ports: P[]; id: string } => {
    const ports = portsOf(pod)
    return { ports, id: stableJson(ports) }
  }
  if (isNamed) return compute
  let known: { ports: P[]; id: string } | undefined
  return pod => (known ??= compute(pod))
}

/** The number behind a service's target port, which may be the name of a container's port. */
export function targetPortOf(pod: Pod, { targetPort, port, protocol }: ServicePort): number | undefined {
  if (targetPort === undefined || targetPort === '' || targetPort === 0) return port
  if (typeof targetPort === 'number') return targetPort
  const sidecars = (pod.spec?.initContainers ?? []).filter(container => container.restartPolicy === 'Always')
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const each of container.ports ?? []) {
      if (each.name === targetPort && (each.protocol ?? 'TCP') === (protocol ?? 'TCP')) return each.containerPort
    }
  }
  return undefined
}

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None'
