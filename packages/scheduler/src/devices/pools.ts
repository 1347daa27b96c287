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
  /** The driver has not published all of it yet. */
  readonly incomplete: boolean
  /** Counters that are there twice, or are consumed without being there: nothing can be allocated from it. */
  readonly invalid: boolean
  readonly counters: ReadonlyMap<string, CounterSet>
  readonly devices: readonly SlicedDevice[]
  /** Devices of slices that speak of one node by name, by that name. */
  readonly byNode: ReadonlyMap<string, readonly SlicedDevice[]>
  /** Slices that speak of other nodes than one by name, with their devices. */
  readonly wide: readonly { readonly slice: ResourceSlice; readonly devices: readonly SlicedDevice[] }[]
}

/** What a pool has for one node. */
export interface NodePool {
  readonly id: string
  readonly pool: Pool
  readonly incomplete: boolean
  /** Nothing can be allocated from it; besides what is wrong for all nodes: names that are there twice. */
  readonly invalid: boolean
  /** Devices of slices that are for the node; a device may be for another one still. */
  readonly devices: readonly SlicedDevice[]
}

/** Pools, with those that have something for a node found quickly (GatherPools of k8s.io/dynamic-resource-allocation). */
export class Pools {
  readonly #byNode = new Map<string, Pool[]>()
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
    for (const name of pool.byNode.keys()) {
      const known = this.#byNode.get(name)
      if (known === undefined) this.#byNode.set(name, [pool])
      else known.push(pool)
    }
    if (pool.wide.length > 0) this.#wide.push(pool)
  }

  /**
   * The pools that have slices for the node, in the order of their names, so that drivers can say by names what is taken
   * first; those with devices that need preparing come last.
   */
  for(node: NodeFacts): NodePool[] {
    const pools = new Set(this.#byNode.get(node.name))
    for (const pool of this.#wide) if (pool.wide.some(each => isFor(each.slice, node))) pools.add(pool)
    const found = [...pools].map(each => nodePool(each, node))
    return found.toSorted((a, b) => Number(needsPreparing(a)) - Number(needsPreparing(b)) || byName(a.id, b.id))
  }
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const needsPreparing = ({ devices }: NodePool): boolean =>
  devices.some(({ device }) => device.bindingConditions !== undefined)

function nodePool(pool: Pool, node: NodeFacts): NodePool {
  const parts = pool.wide.filter(each => isFor(each.slice, node)).map(each => each.devices)
  const own = pool.byNode.get(node.name)
  if (own !== undefined) parts.push(own)
  const devices = parts.flat()
  // In the order of the slices' names, and within a slice in its own.
  if (parts.length > 1) devices.sort((a, b) => byName(a.slice.metadata.name, b.slice.metadata.name))
  const names = new Set(devices.map(each => each.device.name))
  const { id, incomplete } = pool
  return { id, pool, incomplete, invalid: !incomplete && (pool.invalid || names.size < devices.length), devices }
}

function poolOf(id: string, group: readonly ResourceSlice[]): Pool {
  const slices = group.toSorted((a, b) => byName(a.metadata.name, b.metadata.name))
  const devices: SlicedDevice[] = []
  const counters = new Map<string, CounterSet>()
  const byNode = new Map<string, SlicedDevice[]>()
  const wide: { slice: ResourceSlice; devices: SlicedDevice[] }[] = []
  const pool = { id, counters, devices, byNode, wide, incomplete: false, invalid: false }
  pool.incomplete = slices.length !== slices[0]!.spec.pool.resourceSliceCount
  for (const slice of slices) {
    for (const set of slice.spec.sharedCounters ?? []) {
      if (counters.has(set.name)) pool.invalid = true
      counters.set(set.name, set)
    }
    const own = (slice.spec.devices ?? []).map(device => ({ id: `${id}/${device.name}`, device, slice, pool }))
    devices.push(...own)
    const { nodeName } = slice.spec
    if (!nodeName || isCounters(slice)) wide.push({ slice, devices: own })
    else byNode.set(nodeName, [...(byNode.get(nodeName) ?? []), ...own])
  }
  for (const { device } of devices) {
    for (const { counterSet, counters: used } of device.consumesCounters ?? []) {
      const set = counters.get(counterSet)
      if (set === undefined || Object.keys(used).some(name => !(name in set.counters))) pool.invalid = true
    }
  }
  return pool
}

const isCounters = ({ spec }: ResourceSlice): boolean => (spec.sharedCounters ?? []).length > 0

type Reach = Pick<ResourceSlice['spec'], 'nodeName' | 'allNodes' | 'nodeSelector'>

/** Whether a slice, or a device of one that speaks of each device by itself, is for the node. */
export function reaches({ nodeName, allNodes, nodeSelector }: Reach, node: NodeFacts): boolean {
  if (nodeName) return nodeName === node.name
  if (allNodes === true) return true
  return nodeSelector !== undefined && selectorMatcher(nodeSelector)(node)
}

function isFor(slice: ResourceSlice, node: NodeFacts): boolean {
  const { spec } = slice
  // A pool cannot be used without its counters, whomever they are for.
  if (isCounters(slice)) return true
  if (spec.perDeviceNodeSelection === true) return (spec.devices ?? []).some(each => reaches(each, node))
  return reaches(spec, node)
}

/** Whether the device of a slice for the node can be used there. */
export const isDeviceFor = ({ device, slice }: SlicedDevice, node: NodeFacts): boolean =>
  isDeviceOf(slice, device, node)

export function isDeviceOf(slice: ResourceSlice, device: Device, node: NodeFacts): boolean {
  return slice.spec.perDeviceNodeSelection !== true || reaches(device, node)
}
