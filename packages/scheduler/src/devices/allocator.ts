import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceClass,
  DeviceRequestAllocationResult,
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
  ResourceClaim,
} from '@canopus/api/resource/v1'
import { quantityValue } from '@canopus/apimachinery'
import type { NodeFacts } from '../node-selector.ts'
import { type Constraint, constraintOf } from './constraints.ts'
import { deviceMatches } from './device-selector.ts'
import { nodeSelectorOf } from './node-selector-of.ts'
import { isDeviceFor, type Pool, type SlicedDevice } from './pools.ts'

/** More devices than these do not fit into one claim's result. */
const MOST_DEVICES = 32

export interface DeviceState {
  /** Ids of devices that claims have already. */
  readonly allocated: ReadonlySet<string>
  readonly pools: readonly Pool[]
  readonly classOf: (name: string) => DeviceClass | undefined
}

/** A request, or one of the alternatives of a request. */
interface Wish {
  /** `request` or `request/alternative`. */
  readonly name: string
  readonly base: string
  readonly selectors: readonly DeviceSelector[]
  readonly deviceClass: DeviceClass
  readonly adminAccess: boolean
  readonly tolerations: readonly DeviceToleration[]
  readonly count: number
  /** For requests that want all devices: which ones. */
  readonly all: readonly SlicedDevice[] | undefined
}

interface Chosen {
  readonly wish: Wish
  readonly device: SlicedDevice
}

/**
 * Chooses devices for claims on a node: the first solution that an exhaustive search finds; nothing where there is none
 * (structured/internal/stable of k8s.io/dynamic-resource-allocation, with the incubating channel's distinctAttribute).
 *
 * @throws Error where a claim, a class or a selector is at fault, in upstream's words.
 */
export function allocate(
  claims: readonly ResourceClaim[],
  node: NodeFacts,
  state: DeviceState,
): AllocationResult[] | undefined {
  return new Search(claims, node, state).run()
}

/** A special end of a branch: the claim would get too many devices. */
const TOO_MANY = 'too many'
type Outcome = boolean | typeof TOO_MANY

class Search {
  readonly #claims: readonly ResourceClaim[]
  readonly #node: NodeFacts
  readonly #state: DeviceState
  /** By claim and request: the alternatives, of which there is one for plain requests. */
  readonly #wishes: readonly (readonly (readonly Wish[])[])[]
  readonly #constraints: readonly (readonly Constraint[])[]
  readonly #chosen: Chosen[][]
  /** How many claims are getting a device right now. */
  readonly #inUse = new Map<string, Set<number>>()
  readonly #matches = new Map<Wish, Map<string, boolean>>()
  readonly #consumed = new Map<string, number>()
  readonly #available = new Map<string, number>()

  constructor(claims: readonly ResourceClaim[], node: NodeFacts, state: DeviceState) {
    this.#claims = claims
    this.#node = node
    this.#state = state
    this.#wishes = claims.map(claim => this.#wishesOf(claim))
    this.#constraints = claims.map(claim => (claim.spec.devices.constraints ?? []).map(each => constraintOf(each)))
    this.#chosen = claims.map(() => [])
  }

  run(): AllocationResult[] | undefined {
    if (this.#claim(0) !== true) return undefined
    return this.#claims.map((claim, index) => this.#result(claim, index))
  }

  #wishesOf(claim: ResourceClaim): Wish[][] {
    return (claim.spec.devices.requests ?? []).map(request => {
      if (request.exactly) return [this.#wish(claim, request.name, request.name, request.exactly)]
      const alternatives = request.firstAvailable ?? []
      if (alternatives.length === 0) throw new Error(`request ${request.name}: unsupported request type`)
      return alternatives.map(each => this.#wish(claim, request.name, `${request.name}/${each.name}`, each))
    })
  }

  #wish(
    claim: ResourceClaim,
    base: string,
    name: string,
    asked: {
      deviceClassName: string
      selectors?: readonly DeviceSelector[]
      allocationMode?: string
      count?: number
      adminAccess?: boolean
      tolerations?: readonly DeviceToleration[]
    },
  ): Wish {
    const about = `claim ${nameOf(claim)}, request ${name.slice(name.indexOf('/') + 1)}`
    const deviceClass = this.#state.classOf(asked.deviceClassName)
    if (deviceClass === undefined) {
      const missing = `deviceclass.resource.k8s.io "${asked.deviceClassName}" not found`
      throw new Error(`${about}: could not retrieve device class ${asked.deviceClassName}: ${missing}`)
    }
    const wish: Wish = {
      name,
      base,
      deviceClass,
      selectors: asked.selectors ?? [],
      adminAccess: asked.adminAccess === true,
      tolerations: asked.tolerations ?? [],
      count: asked.count ?? 1,
      all: undefined,
    }
    if (asked.allocationMode !== 'All') return wish
    for (const { id, incomplete, invalid } of this.#state.pools) {
      if (incomplete)
        throw new Error(`${about}: asks for all devices, but resource pool ${id} is currently being updated`)
      if (invalid) throw new Error(`${about}: asks for all devices, but resource pool ${id} is currently invalid`)
    }
    const all = this.#state.pools.flatMap(pool => pool.devices.filter(each => this.#suits(wish, each, claim)))
    return { ...wish, all, count: all.length }
  }

  #claim(index: number): Outcome {
    if (index >= this.#claims.length) return true
    const outcome = this.#request(index, 0)
    // Another choice for an earlier claim may need fewer devices here.
    return outcome === TOO_MANY ? false : outcome
  }

  #request(claim: number, request: number): Outcome {
    const alternatives = this.#wishes[claim]![request]
    if (alternatives === undefined) return this.#claim(claim + 1)
    let allTooMany = true
    for (const wish of alternatives) {
      const outcome = this.#devices(claim, request, wish, 0)
      if (outcome === true) return true
      if (outcome === false) allTooMany = false
    }
    return allTooMany ? TOO_MANY : false
  }

  #devices(claim: number, request: number, wish: Wish, place: number): Outcome {
    if (wish.all?.length === 0) return false
    if (place >= wish.count) return this.#request(claim, request + 1)
    if (this.#chosen[claim]!.length + wish.count - place > MOST_DEVICES) return TOO_MANY
    const candidates = wish.all === undefined ? this.#candidates() : [wish.all[place]!]
    for (const device of candidates) {
      if (wish.all === undefined && !this.#suits(wish, device, this.#claims[claim]!)) continue
      if (!this.#take(claim, wish, device)) continue
      const outcome = this.#devices(claim, request, wish, place + 1)
      if (outcome === true) return true
      this.#giveBack(claim)
      if (outcome === TOO_MANY) return outcome
    }
    return false
  }

  *#candidates(): Generator<SlicedDevice> {
    for (const pool of this.#state.pools) if (!pool.incomplete && !pool.invalid) yield* pool.devices
  }

  /** Whether the device is of the kind that is wished for, free or not. */
  #suits(wish: Wish, each: SlicedDevice, claim: ResourceClaim): boolean {
    let known = this.#matches.get(wish)
    if (known === undefined) {
      known = new Map()
      this.#matches.set(wish, known)
    }
    let suits = known.get(each.id)
    if (suits === undefined) {
      suits =
        // Drivers of these expect more than this allocator does.
        (each.device.bindingConditions ?? []).length === 0 &&
        isDeviceFor(each, this.#node) &&
        selects(wish.deviceClass.spec.selectors ?? [], each, `class ${wish.deviceClass.metadata.name}`) &&
        selects(wish.selectors, each, `claim ${nameOf(claim)}`)
      known.set(each.id, suits)
    }
    return suits
  }

  #take(claim: number, wish: Wish, each: SlicedDevice): boolean {
    const users = this.#inUse.get(each.id)
    if (wish.adminAccess ? users?.has(claim) : this.#state.allocated.has(each.id) || (users?.size ?? 0) > 0)
      return false
    if ((each.device.taints ?? []).some(taint => prevents(taint, wish.tolerations))) return false
    if (!this.#consume(each)) return false
    const constraints = this.#constraints[claim]!
    for (const [index, constraint] of constraints.entries()) {
      if (constraint.add(wish.base, wish.name, each)) continue
      for (const before of constraints.slice(0, index)) before.remove(wish.base, wish.name)
      this.#count(each, -1)
      if (wish.all === undefined) return false
      const about = `claim ${nameOf(this.#claims[claim]!)}, request ${wish.name}`
      throw new Error(`${about}: cannot add device ${each.id} because a claim constraint would not be satisfied`)
    }
    if (users === undefined) this.#inUse.set(each.id, new Set([claim]))
    else users.add(claim)
    this.#chosen[claim]!.push({ wish, device: each })
    return true
  }

  #giveBack(claim: number): void {
    const { wish, device } = this.#chosen[claim]!.pop()!
    for (const constraint of this.#constraints[claim]!) constraint.remove(wish.base, wish.name)
    this.#inUse.get(device.id)?.delete(claim)
    this.#count(device, -1)
  }

  /** Takes what the device needs of the counters that it shares with others of its pool; false where not enough is left. */
  #consume(each: SlicedDevice): boolean {
    const needs = each.device.consumesCounters ?? []
    if (needs.length === 0) return true
    this.#count(each, 1)
    for (const { counterSet, counters } of needs) {
      for (const counter of Object.keys(counters)) {
        const key = `${each.pool.id}/${counterSet}/${counter}`
        if ((this.#consumed.get(key) ?? 0) <= this.#left(key, each.pool, counterSet, counter)) continue
        this.#count(each, -1)
        return false
      }
    }
    return true
  }

  #count(each: SlicedDevice, sign: 1 | -1): void {
    for (const { counterSet, counters } of each.device.consumesCounters ?? []) {
      for (const [counter, { value }] of Object.entries(counters)) {
        const key = `${each.pool.id}/${counterSet}/${counter}`
        this.#consumed.set(key, (this.#consumed.get(key) ?? 0) + sign * quantityValue(value))
      }
    }
  }

  /** What the devices that claims have already leave of a counter. */
  #left(key: string, pool: Pool, counterSet: string, counter: string): number {
    let left = this.#available.get(key)
    if (left === undefined) {
      left = quantityValue(pool.counters.get(counterSet)?.counters[counter]?.value ?? '0')
      for (const { id, device } of pool.devices) {
        if (!this.#state.allocated.has(id)) continue
        for (const need of device.consumesCounters ?? []) {
          const used = need.counterSet === counterSet ? need.counters[counter] : undefined
          if (used !== undefined) left -= quantityValue(used.value)
        }
      }
      this.#available.set(key, left)
    }
    return left
  }

  #result(claim: ResourceClaim, index: number): AllocationResult {
    const chosen = this.#chosen[index]!
    const results = chosen.map(({ wish, device }): DeviceRequestAllocationResult => {
      const { driver, pool } = device.slice.spec
      return {
        request: wish.name,
        driver,
        pool: pool.name,
        device: device.device.name,
        ...(wish.adminAccess ? { adminAccess: true } : {}),
        ...(wish.tolerations.length > 0 ? { tolerations: [...wish.tolerations] } : {}),
      }
    })
    const config = configOf(claim, chosen)
    const nodeSelector = nodeSelectorOf(chosen.map(each => each.device))
    return {
      devices: { results, ...(config.length > 0 ? { config } : {}) },
      ...(nodeSelector === undefined ? {} : { nodeSelector }),
    }
  }
}

const nameOf = ({ metadata }: ResourceClaim): string => `${metadata.namespace}/${metadata.name}`

function selects(selectors: readonly DeviceSelector[], { device, slice }: SlicedDevice, about: string): boolean {
  return selectors.every(({ cel }, index) => {
    try {
      return cel !== undefined && deviceMatches(cel.expression, slice.spec.driver, device)
    } catch (error) {
      throw new Error(`${about}: selector #${index}: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
}

function prevents(taint: DeviceTaint, tolerations: readonly DeviceToleration[]): boolean {
  if (taint.effect !== 'NoSchedule' && taint.effect !== 'NoExecute') return false
  return !tolerations.some(({ key, operator = 'Equal', value = '', effect }) => {
    if ((effect && effect !== taint.effect) || (key && key !== taint.key)) return false
    return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''))
  })
}

/** Parameters for drivers: first those of the classes, then those of the claim for requests that were granted. */
function configOf(claim: ResourceClaim, chosen: readonly Chosen[]): DeviceAllocationConfiguration[] {
  const granted = new Map(chosen.map(({ wish }) => [wish.name, wish]))
  const byClass = new Map<DeviceClass, string[]>()
  for (const { name, deviceClass } of granted.values()) {
    byClass.set(deviceClass, [...(byClass.get(deviceClass) ?? []), name])
  }
  const ofClasses = [...byClass].flatMap(([deviceClass, requests]) =>
    (deviceClass.spec.config ?? []).map(each => ({ source: 'FromClass', requests, ...each })),
  )
  const ofClaim = (claim.spec.devices.config ?? [])
    .filter(({ requests = [] }) => {
      if (requests.length === 0) return true
      return [...granted.values()].some(({ name, base }) => requests.includes(name) || requests.includes(base))
    })
    .map(each => ({ source: 'FromClaim', ...each }))
  return [...ofClasses, ...ofClaim]
}
