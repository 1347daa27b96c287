import type { CounterSet, Device, ResourceSlice } from '@canopus/api/resource/v1'
import { type NodeFacts, selectorMatcher } from '../node-selector.ts'

/** A device with where it is described. */
export interface SlicedDevice {
  /** `driver/pool/device`. */
  readonly id: string
  readonly device: Device
  readonly slice: ResourceSlice
  readonly pool: Pool
}

/** All slices of one pool of a driver, of the newest generation. */
export interface Pool {
  readonly id: string
  readonly slices: readonly ResourceSlice[]
  /** The driver has not published all of it yet. */
  readonly incomplete: boolean
  /** Names that are there twice and the like: nothing can be allocated from it. */
  readonly invalid: boolean
  readonly counters: ReadonlyMap<string, CounterSet>
  readonly devices: readonly SlicedDevice[]
}

/** Pools, with those that have something for a node found quickly (GatherPools of k8s.io/dynamic-resource-allocation). */
export class Pools {
  readonly #byNode = new Map<string, Set<Pool>>()
  /** Pools with slices for other nodes than one by name. */
  readonly #wide: Pool[] = []

  constructor(slices: readonly ResourceSlice[]) {
    const grouped = new Map<string, ResourceSlice[]>()
    for (const slice of slices) {
      const id = `${slice.spec.driver}/${slice.spec.pool.name}`
      const others = grouped.get(id)
      const generation = others?.[0]?.spec.pool.generation ?? Number.NEGATIVE_INFINITY
      if (others === undefined || slice.spec.pool.generation > generation) grouped.set(id, [slice])
      else if (slice.spec.pool.generation === generation) others.push(slice)
    }
    for (const [id, group] of grouped) this.#add(poolOf(id, group))
  }

  #add(pool: Pool): void {
    let wide = false
    for (const { spec } of pool.slices) {
      if (!spec.nodeName) {
        wide = true
        continue
      }
      const known = this.#byNode.get(spec.nodeName)
      if (known === undefined) this.#byNode.set(spec.nodeName, new Set([pool]))
      else known.add(pool)
    }
    if (wide) this.#wide.push(pool)
  }

  /** The pools that have slices for the node. */
  for(node: NodeFacts): Pool[] {
    const pools = new Set(this.#byNode.get(node.name))
    for (const pool of this.#wide) if (pool.slices.some(each => isFor(each, node))) pools.add(pool)
    return [...pools]
  }
}

function poolOf(id: string, slices: readonly ResourceSlice[]): Pool {
  const devices: SlicedDevice[] = []
  const counters = new Map<string, CounterSet>()
  const pool = { id, slices, counters, devices, incomplete: false, invalid: false }
  pool.incomplete = slices.length !== slices[0]!.spec.pool.resourceSliceCount
  const names = new Set<string>()
  for (const slice of slices) {
    for (const set of slice.spec.sharedCounters ?? []) {
      if (counters.has(set.name)) pool.invalid = true
      counters.set(set.name, set)
    }
    for (const device of slice.spec.devices ?? []) {
      if (names.has(device.name)) pool.invalid = true
      names.add(device.name)
      devices.push({ id: `${id}/${device.name}`, device, slice, pool })
    }
  }
  for (const { device } of devices) {
    for (const { counterSet, counters: used } of device.consumesCounters ?? []) {
      const set = counters.get(counterSet)
      if (set === undefined || Object.keys(used).some(name => !(name in set.counters))) pool.invalid = true
    }
  }
  return pool
}

type Reach = Pick<ResourceSlice['spec'], 'nodeName' | 'allNodes' | 'nodeSelector'>

function reaches({ nodeName, allNodes, nodeSelector }: Reach, node: NodeFacts): boolean {
  if (nodeName) return nodeName === node.name
  if (allNodes === true) return true
  return nodeSelector !== undefined && selectorMatcher(nodeSelector)(node)
}

function isFor({ spec }: ResourceSlice, node: NodeFacts): boolean {
  if (spec.perDeviceNodeSelection === true) return (spec.devices ?? []).some(each => reaches(each, node))
  return reaches(spec, node)
}

/** Whether the device can be used on the node. */
export function isDeviceFor({ device, slice }: SlicedDevice, node: NodeFacts): boolean {
  return reaches(slice.spec.perDeviceNodeSelection === true ? device : slice.spec, node)
}
