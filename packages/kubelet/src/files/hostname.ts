import type { Pod } from '@canopus/api/core/v1'

const MAX_HOSTNAME = 63

/** A pod's host name and the domain that makes it fully qualified (empty where it has no subdomain). */
export function podHostname(pod: Pod, clusterDomain: string): { hostname: string; domain: string } {
  const { spec, metadata } = pod
  if (spec.hostnameOverride !== undefined) return { hostname: spec.hostnameOverride, domain: '' }
  const name = spec.hostname !== undefined && spec.hostname !== '' ? spec.hostname : metadata.name
  const hostname = name.slice(0, MAX_HOSTNAME).replace(/[-.]+$/, '')
  const domain =
    spec.subdomain === undefined || spec.subdomain === ''
      ? ''
      : `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}`
  return { hostname, domain }
}

/** What the kernel is told: the short name, or the whole one where the pod asks for it. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const { hostname, domain } = podHostname(pod, clusterDomain)
  return pod.spec.setHostnameAsFQDN && domain !== '' ? `${hostname}.${domain}` : hostname
}
