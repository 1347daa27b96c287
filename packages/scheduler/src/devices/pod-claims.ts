import type { Pod } from '@canopus/api/core/v1'
import type { AllocationResult, ResourceClaim } from '@canopus/api/resource/v1'
import { controllerOf } from '@canopus/apimachinery'
import type { PodInfo } from '../pod-info.ts'

/** How many pods one claim can be reserved for. */
const MOST_CONSUMERS = 256
/** How many alternatives a request may have. */
const MOST_ALTERNATIVES = 8

/** Names of the pod's claims; those made from templates belong to the pod, and may be left out or not be there yet. */
export function claimNames(pod: Pod): { name?: string; own: boolean; missing?: boolean }[] {
  return (pod.spec?.resourceClaims ?? []).map(each => {
    if (each.resourceClaimName) return { name: each.resourceClaimName, own: false }
    const made = pod.status?.resourceClaimStatuses?.find(status => status.name === each.name)
    if (made === undefined) return { own: true, missing: true }
    return { own: true, ...(made.resourceClaimName ? { name: made.resourceClaimName } : {}) }
  })
}

/** The pod's claims, or why they are not there. */
export function claimsOf(
  { pod, namespace }: PodInfo,
  get: (name: string) => ResourceClaim | undefined,
): ResourceClaim[] | string {
  const claims: ResourceClaim[] = []
  for (const { name, own, missing } of claimNames(pod)) {
    if (missing) return `pod "${namespace}/${pod.metadata.name}": ResourceClaim not created yet`
    if (name === undefined) continue
    const claim = get(name)
    if (claim === undefined) return `resourceclaim.resource.k8s.io "${name}" not found`
    if (claim.metadata.deletionTimestamp) return `resourceclaim "${name}" is being deleted`
    if (own && controllerOf(claim)?.uid !== pod.metadata.uid) {
      const podName = `${namespace}/${pod.metadata.name}`
      return `ResourceClaim ${namespace}/${name} was not created for Pod ${podName} (Pod is not owner)`
    }
    claims.push(claim)
  }
  return claims
}

/** Whether no more pods can use the claim. */
export const isFull = ({ status }: ResourceClaim): boolean => (status?.reservedFor ?? []).length >= MOST_CONSUMERS

/** Whether the claim can be allocated in ways that are better and worse. */
export const hasChoice = ({ spec, status }: ResourceClaim): boolean =>
  status?.allocation === undefined && spec.devices.requests?.some(each => each.firstAvailable) === true

/** How early the alternatives stand that the claim would get: eight for a first one, one less for each that is passed over. */
export function preference({ spec }: ResourceClaim, allocation: AllocationResult | undefined): number {
  const got = new Set((allocation?.devices?.results ?? []).map(each => each.request))
  let sum = 0
  for (const { name: request, firstAvailable = [] } of spec.devices.requests ?? []) {
    for (const [index, each] of firstAvailable.entries()) {
      if (got.has(`${request}/${each.name}`)) sum += MOST_ALTERNATIVES - index
    }
  }
  return sum
}

/** Which class of devices that the claim asks for is not there. */
export function classProblem(
  { metadata, spec }: ResourceClaim,
  exists: (deviceClass: string) => boolean,
): string | undefined {
  for (const { name, exactly, firstAvailable = [] } of spec.devices.requests ?? []) {
    if (exactly === undefined && firstAvailable.length === 0) {
      return `resource claim ${metadata.namespace}/${metadata.name}, request ${name}: unknown request type`
    }
    const asked = exactly
      ? [{ request: name, deviceClassName: exactly.deviceClassName }]
      : firstAvailable.map(each => ({ request: `${name}/${each.name}`, deviceClassName: each.deviceClassName }))
    for (const { request, deviceClassName } of asked) {
      if (!exists(deviceClassName)) return `request ${request}: device class ${deviceClassName} does not exist`
    }
  }
  return undefined
}
