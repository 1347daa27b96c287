import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceClass,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from '@canopus/api/resource/v1'
import { type Consumed, writtenCapacity } from './capacity.ts'
import { nodeSelectorOf } from './node-selector-of.ts'
import type { SlicedDevice } from './pools.ts'
import type { Wish } from './wishes.ts'

/** A device that was chosen for a wish. */
export interface Chosen {
  readonly wish: Wish
  readonly device: SlicedDevice
  /** Of a device that is shared: the name of this share, and how much of the device it takes. */
  readonly share?: { readonly id: string; readonly consumed: Consumed }
}

/** What is written into the claim for what was chosen on the node. */
export function allocationOf(claim: ResourceClaim, chosen: readonly Chosen[], node: string): AllocationResult {
  const config = configOf(claim, chosen)
  const nodeSelector = nodeSelectorOf(
    chosen.map(each => each.device),
    node,
  )
  return {
    devices: { results: chosen.map(resultOf), ...(config.length > 0 ? { config } : {}) },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  }
}

function resultOf({ wish, device, share }: Chosen): DeviceRequestAllocationResult {
  const { driver, pool } = device.slice.spec
  const { bindingConditions = [], bindingFailureConditions = [] } = device.device
  return {
    request: wish.name,
    driver,
    pool: pool.name,
    device: device.device.name,
    ...(wish.adminAccess ? { adminAccess: true } : {}),
    ...(wish.tolerations.length > 0 ? { tolerations: [...wish.tolerations] } : {}),
    ...(bindingConditions.length > 0 ? { bindingConditions: [...bindingConditions] } : {}),
    ...(bindingFailureConditions.length > 0 ? { bindingFailureConditions: [...bindingFailureConditions] } : {}),
    ...(share === undefined ? {} : { shareID: share.id }),
    ...(share === undefined || share.consumed.size === 0 ? {} : { consumedCapacity: writtenCapacity(share.consumed) }),
  }
}

/**
 * Parameters for drivers: first those of the classes, then those of the claim for requests that were granted, once for each
 * request that they name.
 */
function configOf(claim: ResourceClaim, chosen: readonly Chosen[]): DeviceAllocationConfiguration[] {
  const granted = new Map(chosen.map(({ wish }) => [wish.name, wish]))
  const byClass = new Map<DeviceClass, string[]>()
  for (const { name, deviceClass } of granted.values()) {
    byClass.set(deviceClass, [...(byClass.get(deviceClass) ?? []), name])
  }
  const ofClasses = [...byClass].flatMap(([deviceClass, requests]) =>
    (deviceClass.spec.config ?? []).map(each => ({ source: 'FromClass', requests, ...each })),
  )
  const ofClaim = (claim.spec.devices.config ?? []).flatMap(each => {
    const { requests = [] } = each
    const names = [...granted.values()].filter(({ name, base }) => requests.includes(name) || requests.includes(base))
    const times = requests.length === 0 ? 1 : names.length
    return Array.from({ length: times }, () => ({ source: 'FromClaim', ...each }))
  })
  return [...ofClasses, ...ofClaim]
}
