import type { DeviceRequestAllocationResult, ResourceClaim } from '@canopus/api/resource/v1'
import { findCondition } from '@canopus/apimachinery'

const resultsOf = ({ status }: ResourceClaim): readonly DeviceRequestAllocationResult[] =>
  status?.allocation?.devices?.results ?? []

const mustBePrepared = ({ bindingConditions = [] }: DeviceRequestAllocationResult): boolean =>
  bindingConditions.length > 0

/** Whether pods have to wait until the claim's devices are prepared (KEP-5007). */
export function hasBindingConditions(claim: ResourceClaim): boolean {
  return resultsOf(claim).some(mustBePrepared)
}

/**
 * Whether all devices of the claim are prepared, as their drivers say in the claim's status.
 *
 * @throws Error where a device cannot be prepared.
 */
export function isPrepared(claim: ResourceClaim): boolean {
  if (claim.status?.allocation === undefined) return false
  return resultsOf(claim)
    .filter(mustBePrepared)
    .every(({ driver, pool, device, bindingConditions = [], bindingFailureConditions = [] }) => {
      const status = claim.status?.devices?.find(
        each => each.driver === driver && each.pool === pool && each.device === device,
      )
      for (const type of bindingFailureConditions) {
        const failed = findCondition(status?.conditions, type)
        if (failed?.status !== 'True') continue
        const about = `claim=${claim.metadata.name}, reason=${failed.reason}, message=${JSON.stringify(failed.message)}`
        throw new Error(`device binding failed: ${about}`)
      }
      return bindingConditions.every(type => findCondition(status?.conditions, type)?.status === 'True')
    })
}

/** Whether preparing has taken longer than `timeout` milliseconds, counted from the allocation. */
export function isOverdue(claim: ResourceClaim, timeout: number, now: number): boolean {
  const since = claim.status?.allocation?.allocationTimestamp
  return since !== undefined && hasBindingConditions(claim) && Date.parse(since) + timeout < now
}
