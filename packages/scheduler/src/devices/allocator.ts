import type { AllocationResult, DeviceClass, ResourceClaim } from '@canopus/api/resource/v1'
import type { NodeFacts } from '../node-selector.ts'
import { addConsumed, type Consumed, consumption, hasCapacity } from './capacity.ts'
import { type Constraint, constraintOf } from './constraints.ts'
import { Counters } from './counters.ts'
import { isDeviceFor, type NodePool, type SlicedDevice } from './pools.ts'
import { allocationOf, type Chosen } from './results.ts'
import { isSelected, isTaintedFor, nameOf, shortName, type Wish, wishesOf } from './wishes.ts'

/** More devices than these do not fit into one claim's result. */
const MOST_DEVICES = 32

export interface DeviceState {
  /** Ids of devices that claims have for themselves. */
  readonly allocated: ReadonlySet<string>
  /** How much claims have of devices that they share, by the ids of these. */
  readonly shared?: ReadonlyMap<string, Consumed>
  readonly pools: readonly NodePool[]
  readonly classOf: (name: string) => DeviceClass | undefined
  /** A name for a share of a device: a new uid. */
  readonly newShareId: () => string
  /** Whether the search has taken too long. */
  readonly isLate?: () => boolean
}

/**
 * Chooses devices for claims on a node: the first solution that an exhaustive search finds; nothing where there is none
 * (structured/internal/incubating of k8s.io/dynamic-resource-allocation).
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

/** So many steps go by between two looks at the clock. */
const STEPS_PER_LOOK = 256

/** A special end of a branch: the claim would get too many devices. */
const TOO_MANY = 'too many'
type Outcome = boolean | typeof TOO_MANY

class Search {
  readonly #claims: readonly ResourceClaim[]
  readonly #node: NodeFacts
  readonly #state: DeviceState
  readonly #devices: readonly SlicedDevice[]
  /** By claim and request: the alternatives, of which there is one for plain requests. */
  readonly #wishes: readonly (readonly (readonly Wish[])[])[]
  readonly #constraints: readonly (readonly Constraint[])[]
  readonly #chosen: Chosen[][]
  /** Which claims are getting a device right now, for themselves or with admin access. */
  readonly #inUse = new Map<string, Set<number>>()
  /** What claims are getting of shared devices right now, and how many shares. */
  readonly #sharing = new Map<string, { consumed: Consumed; shares: number }>()
  readonly #matches = new Map<Wish, Map<string, boolean>>()
  readonly #counters: Counters
  #steps = 0

  constructor(claims: readonly ResourceClaim[], node: NodeFacts, state: DeviceState) {
    this.#claims = claims
    this.#node = node
    this.#state = state
    this.#devices = state.pools.flatMap(each => (each.incomplete || each.invalid ? [] : each.devices))
    this.#counters = new Counters(id => state.allocated.has(id) || state.shared?.has(id) === true)
    this.#wishes = claims.map(claim => {
      const wishes = wishesOf(claim, state.classOf, (wish, about) => this.#all(wish, claim, about))
      checkCount(claim, wishes)
      return wishes
    })
    this.#constraints = claims.map(claim =>
      (claim.spec.devices.constraints ?? []).map((each, index) =>
        constraintOf(each, `claim ${nameOf(claim)}, constraint #${index}`),
      ),
    )
    this.#chosen = claims.map(() => [])
  }

  run(): AllocationResult[] | undefined {
    if (this.#claim(0) !== true) return undefined
    return this.#claims.map((claim, index) => allocationOf(claim, this.#chosen[index]!, this.#node.name))
  }

  #all(wish: Wish, claim: ResourceClaim, about: string): SlicedDevice[] {
    return this.#state.pools.flatMap(({ id, incomplete, invalid, devices }) => {
      const problem = incomplete ? 'being updated' : invalid ? 'invalid' : undefined
      if (problem === undefined) return devices.filter(each => this.#suits(wish, each, claim) && this.#has(wish, each))
      throw new Error(`${about}: asks for all devices, but resource pool ${id} is currently ${problem}`)
    })
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
      const outcome = this.#place(claim, request, wish, 0, 0)
      if (outcome === true) return true
      if (outcome === false) allTooMany = false
    }
    return allTooMany ? TOO_MANY : false
  }

  /** `from`: where to go on among the devices, as their order within a request does not matter. */
  #place(claim: number, request: number, wish: Wish, place: number, from: number): Outcome {
    if (++this.#steps % STEPS_PER_LOOK === 0 && this.#state.isLate?.() === true) {
      throw new Error(`node ${this.#node.name}: timed out trying to allocate devices`)
    }
    if (wish.all?.length === 0) return false
    if (place >= wish.count) return this.#request(claim, request + 1)
    if (this.#chosen[claim]!.length + wish.count - place > MOST_DEVICES) return TOO_MANY
    const candidates = wish.all ?? this.#devices
    // All means exactly these, one after the other.
    const end = wish.all === undefined ? candidates.length : place + 1
    for (let i = wish.all === undefined ? from : place; i < end; i++) {
      const device = candidates[i]!
      if (wish.all === undefined && !this.#mayTake(claim, wish, device)) continue
      if (!this.#take(claim, wish, device)) continue
      const outcome = this.#place(claim, request, wish, place + 1, i + 1)
      if (outcome === true) return true
      this.#giveBack(claim)
      if (outcome === TOO_MANY) return outcome
    }
    return false
  }

  #mayTake(claim: number, wish: Wish, device: SlicedDevice): boolean {
    return (
      this.#isFree(claim, wish, device) && this.#suits(wish, device, this.#claims[claim]!) && this.#has(wish, device)
    )
  }

  /** Whether nobody has the device for himself; with admin access only the claim itself must not have it yet. */
  #isFree(claim: number, wish: Wish, { id }: SlicedDevice): boolean {
    const users = this.#inUse.get(id)
    if (wish.adminAccess) return users?.has(claim) !== true
    return !this.#state.allocated.has(id) && (users?.size ?? 0) === 0
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
      suits = isSelected(wish, each, claim) && isDeviceFor(each, this.#node)
      known.set(each.id, suits)
    }
    return suits
  }

  /** Whether the device has so much left of its capacities. */
  #has(wish: Wish, { id, device }: SlicedDevice): boolean {
    return hasCapacity(device, wish.capacity, this.#state.shared?.get(id), this.#sharing.get(id)?.consumed)
  }

  #take(claim: number, wish: Wish, each: SlicedDevice): boolean {
    if (!this.#isFree(claim, wish, each) || isTaintedFor(wish, each) || !this.#has(wish, each)) return false
    const shares = each.device.allowMultipleAllocations === true
    const counts = !shares || !this.#isShared(each.id)
    if (counts && !this.#counters.take(each)) return false
    if (!this.#meetsConstraints(claim, wish, each)) {
      if (counts) this.#counters.giveBack(each)
      return false
    }
    const share = shares ? this.#share(wish, each) : undefined
    if (share === undefined) this.#inUse.set(each.id, new Set(this.#inUse.get(each.id)).add(claim))
    this.#chosen[claim]!.push({ wish, device: each, ...(share === undefined ? {} : { share }) })
    return true
  }

  /** What devices share of their pool's counters, the first share of a device takes. */
  #isShared(id: string): boolean {
    return this.#state.shared?.has(id) === true || this.#sharing.has(id)
  }

  #meetsConstraints(claim: number, wish: Wish, each: SlicedDevice): boolean {
    const constraints = this.#constraints[claim]!
    for (const [index, constraint] of constraints.entries()) {
      if (constraint.add(wish.base, wish.name, each)) continue
      for (const before of constraints.slice(0, index)) before.remove(wish.base, wish.name)
      if (wish.all === undefined) return false
      const about = `claim ${nameOf(this.#claims[claim]!)}, request ${shortName(wish.name)}`
      throw new Error(`${about}: cannot add device ${each.id} because a claim constraint would not be satisfied`)
    }
    return true
  }

  #share(wish: Wish, { id, device }: SlicedDevice): NonNullable<Chosen['share']> {
    const consumed = consumption(device, wish.capacity)
    const before = this.#sharing.get(id)
    this.#sharing.set(id, { consumed: addConsumed(before?.consumed, consumed), shares: (before?.shares ?? 0) + 1 })
    return { id: this.#state.newShareId(), consumed }
  }

  #giveBack(claim: number): void {
    const { wish, device, share } = this.#chosen[claim]!.pop()!
    for (const constraint of this.#constraints[claim]!) constraint.remove(wish.base, wish.name)
    if (share === undefined) {
      this.#inUse.get(device.id)?.delete(claim)
      this.#counters.giveBack(device)
      return
    }
    const { consumed, shares } = this.#sharing.get(device.id)!
    if (shares > 1) {
      this.#sharing.set(device.id, { consumed: addConsumed(consumed, share.consumed, -1), shares: shares - 1 })
      return
    }
    this.#sharing.delete(device.id)
    if (!this.#isShared(device.id)) this.#counters.giveBack(device)
  }
}

/** The fewest devices that the claim may get must fit into its result. */
function checkCount(claim: ResourceClaim, wishes: readonly (readonly Wish[])[]): void {
  const fewest = wishes.reduce((sum, alternatives) => sum + Math.min(...alternatives.map(each => each.count)), 0)
  if (fewest <= MOST_DEVICES) return
  const limit = `exceeds the claim limit of ${MOST_DEVICES}`
  throw new Error(`claim ${nameOf(claim)}: number of requested devices ${fewest} ${limit}`)
}
