/** Likely mistakes in services (k8s.io/kubernetes/pkg/api/service/warnings.go). */
import type { Service } from '../../../generated/core.v1.ts'
import { cidrWarnings, ipWarnings } from '../../shared/warnings.ts'

const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints'
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode'

/** Warnings about a service that is written. */
export function serviceWarnings({ metadata, spec }: Service): string[] {
  const found: string[] = []
  const { externalIPs = [], loadBalancerIP, clusterIP, clusterIPs = [] } = spec
  if (metadata.annotations?.[TOPOLOGY_HINTS] !== undefined) {
    found.push(`annotation ${TOPOLOGY_HINTS} is deprecated, please use ${TOPOLOGY_MODE} instead`)
  }
  if (spec.type !== 'ExternalName' && clusterIP && clusterIP !== 'None') {
    for (const [index, ip] of clusterIPs.entries()) found.push(...ipWarnings(`spec.clusterIPs[${index}]`, ip))
  }
  if (spec.type === 'ClusterIP' && clusterIP === 'None') {
    if (loadBalancerIP) found.push('spec.loadBalancerIP is ignored for headless services')
    if (externalIPs.length > 0) found.push('spec.externalIPs is ignored for headless services')
    if (spec.sessionAffinity !== 'None') found.push('spec.SessionAffinity is ignored for headless services')
  }
  for (const [index, ip] of externalIPs.entries()) found.push(...ipWarnings(`spec.externalIPs[${index}]`, ip))
  const isHeadless = spec.type === 'ClusterIP' && clusterIP === 'None'
  if (externalIPs.length > 0 && !isHeadless && spec.type !== 'ExternalName') {
    found.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters')
  }
  if (loadBalancerIP) found.push(...ipWarnings('spec.loadBalancerIP', loadBalancerIP))
  for (const [index, cidr] of (spec.loadBalancerSourceRanges ?? []).entries()) {
    found.push(...cidrWarnings(`spec.loadBalancerSourceRanges[${index}]`, cidr))
  }
  if (spec.type === 'ExternalName' && externalIPs.length > 0) {
    found.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
  }
  if (spec.type !== 'ExternalName' && spec.externalName) {
    found.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  }
  if (spec.trafficDistribution === 'PreferClose') {
    found.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
  }
  return found
}
