import { addQuantities, type Quantity, quantityOf } from '@canopus/apimachinery'
import type { ResourceClaim } from '../generated/resource.v1.ts'
import type { QuotaAmounts, QuotaEvaluator } from './evaluator.ts'

// Behaviour: upstream pkg/quota/v1/evaluator/core/resource_claims.go.

const COUNT = 'count/resourceclaims.resource.k8s.io'
const BY_CLASS = '.deviceclass.resource.k8s.io/devices'
/** What a request for all devices may get at most. */
const MOST_DEVICES = 32

/** Claims for devices, and how many devices of each class they may get. */
export const resourceClaimQuota: QuotaEvaluator<ResourceClaim> = {
  tracks: name => name === COUNT || name.endsWith(BY_CLASS),
  usage({ spec }) {
    const result: QuotaAmounts = new Map([[COUNT, quantityOf(1)]])
    for (const { exactly, firstAvailable = [] } of spec?.devices?.requests ?? []) {
      const most = new Map<string, number>()
      // Of several ways to fulfil a request, the one that takes most counts for each class.
      for (const each of exactly ? [exactly] : firstAvailable) {
        const name = `${each.deviceClassName}${BY_CLASS}`
        most.set(name, Math.max(most.get(name) ?? 0, devices(each)))
      }
      for (const [name, count] of most) result.set(name, plus(result.get(name), count))
    }
    return result
  },
  inScope: () => false,
}

const plus = (before: Quantity | undefined, count: number): Quantity =>
  before === undefined ? quantityOf(count) : addQuantities(before, quantityOf(count))

const devices = ({ allocationMode, count }: { allocationMode?: string; count?: number }): number =>
  allocationMode === 'All' ? MOST_DEVICES : (count ?? 1)
