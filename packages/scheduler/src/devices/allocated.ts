import type { AllocationResult } from '@canopus/api/resource/v1'
import { addConsumed, type Consumed, readCapacity } from './capacity.ts'

/** What of all devices claims have. */
export interface AllocatedDevices {
  /** Ids of devices that one claim has for itself. */
  readonly allocated: ReadonlySet<string>
  /** How much claims have of devices that they share, by the ids of these. */
  readonly shared: ReadonlyMap<string, Consumed>
}

/** Counts what is allocated; admin access takes nothing away (allocateddevices.go upstream). */
export function allocatedDevices(allocations: Iterable<AllocationResult | undefined>): AllocatedDevices {
  const allocated = new Set<string>()
  const shared = new Map<string, Consumed>()
  for (const allocation of allocations) {
    for (const each of allocation?.devices?.results ?? []) {
      if (each.adminAccess === true) continue
      const id = `${each.driver}/${each.pool}/${each.device}`
      if (each.shareID === undefined) allocated.add(id)
      else shared.set(id, addConsumed(shared.get(id), readCapacity(each.consumedCapacity ?? {})))
    }
  }
  return { allocated, shared }
}
