import { ResourceClaims, ResourceSlices } from '@canopus/api'
import type { AllocationResult, Device, DeviceClass, ResourceClaim, ResourceSlice } from '@canopus/api/resource/v1'
import type { InformerFactory, Lister } from '@canopus/client'
import { AssumeCache } from '../assume-cache.ts'
import type { NodeFacts } from '../node-selector.ts'
import { allocatedDevices } from './allocated.ts'
import { ClassIndex } from './classes.ts'
import { deviceMatches } from './device-selector.ts'
import { isDeviceOf, Pools, reaches } from './pools.ts'

/** How many devices there are, and how many of them claims have. */
export interface DeviceTotals {
  readonly total: number
  readonly allocated: number
}

const NONE: DeviceTotals = { total: 0, allocated: 0 }

interface SliceIndex {
  readonly byNode: ReadonlyMap<string, readonly ResourceSlice[]>
  /** Those that speak of other nodes than one by name. */
  readonly wide: readonly ResourceSlice[]
}

/**
 * What all plugins of all profiles know of devices: slices, classes, and claims with what was decided about them since the
 * informers told of them (SharedDRAManager upstream).
 */
export class SharedDevices {
  readonly claims: AssumeCache<ResourceClaim>
  /** Claims that are being allocated, with the pods for whose sake. */
  readonly inFlight = new Map<string, string>()
  /** Devices for extended resources whose claim no informer has shown allocated yet, by pod. */
  readonly unseen = new Map<string, { readonly allocation: AllocationResult; readonly claim?: string }>()
  readonly #classes: ClassIndex
  readonly #informers: InformerFactory
  readonly #slices: Lister<ResourceSlice>
  readonly #matches = new WeakMap<DeviceClass, WeakMap<Device, boolean>>()
  #pools: Pools | undefined
  #index: SliceIndex | undefined

  constructor(informers: InformerFactory) {
    this.#informers = informers
    this.#classes = new ClassIndex(informers)
    this.claims = new AssumeCache(informers.informer(ResourceClaims).lister)
    this.#slices = informers.informer(ResourceSlices).lister
  }

  /** Follows the changes of classes and slices from now on; answers the end. */
  connect(): () => void {
    const outdated = (): void => {
      this.#pools = undefined
      this.#index = undefined
    }
    outdated()
    const slices = this.#informers.informer(ResourceSlices)
    const stops = [
      this.#classes.connect(),
      slices.addHandler({ added: outdated, updated: outdated, deleted: outdated }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  /** The class of devices that an extended resource is made of, where one is (KEP-5004). */
  classFor(resource: string): DeviceClass | undefined {
    return this.#classes.find(resource)
  }

  get pools(): Pools {
    this.#pools ??= new Pools(this.#slices.list())
    return this.#pools
  }

  /** All that has been allocated, or is decided to be. */
  *allocations(): Generator<AllocationResult | undefined> {
    for (const { status } of this.claims.list()) yield status?.allocation
    for (const { allocation } of this.unseen.values()) yield allocation
  }

  /**
   * Counts the devices of a class that nodes have, as of now: what nodes are compared by where pods get devices for extended
   * resources (calculateDRAResourceTotals upstream). A class whose selector fails has none.
   */
  counter(): (deviceClass: DeviceClass, node: NodeFacts) => DeviceTotals {
    const { allocated, shared } = allocatedDevices(this.allocations())
    return (deviceClass, node) => {
      let total = 0
      let taken = 0
      try {
        for (const slice of this.#slicesFor(node)) {
          const { driver, pool, devices = [] } = slice.spec
          for (const device of devices) {
            if (!isDeviceOf(slice, device, node) || !this.#isOf(deviceClass, driver, device)) continue
            const id = `${driver}/${pool.name}/${device.name}`
            total++
            if (allocated.has(id) || shared.has(id)) taken++
          }
        }
      } catch {
        return NONE
      }
      return { total, allocated: taken }
    }
  }

  *#slicesFor(node: NodeFacts): Generator<ResourceSlice> {
    this.#index ??= indexOf(this.#slices.list())
    yield* this.#index.byNode.get(node.name) ?? []
    for (const slice of this.#index.wide) {
      if (slice.spec.perDeviceNodeSelection === true || reaches(slice.spec, node)) yield slice
    }
  }

  /** Neither classes nor devices of slices are ever changed in place. */
  #isOf(deviceClass: DeviceClass, driver: string, device: Device): boolean {
    const { selectors = [] } = deviceClass.spec
    if (selectors.length === 0) return true
    let known = this.#matches.get(deviceClass)
    if (known === undefined) {
      known = new WeakMap()
      this.#matches.set(deviceClass, known)
    }
    let matches = known.get(device)
    if (matches === undefined) {
      matches = selectors.every(each => each.cel === undefined || deviceMatches(each.cel.expression, driver, device))
      known.set(device, matches)
    }
    return matches
  }
}

function indexOf(slices: readonly ResourceSlice[]): SliceIndex {
  const byNode = new Map<string, ResourceSlice[]>()
  const wide: ResourceSlice[] = []
  for (const slice of slices) {
    const { nodeName } = slice.spec
    if (!nodeName) wide.push(slice)
    else byNode.set(nodeName, [...(byNode.get(nodeName) ?? []), slice])
  }
  return { byNode, wide }
}
