import { type Random, randomInt } from '@canopus/base'
import type { NodeFigures } from './node-figures.ts'

/** Of a node that does not do. */
export const UNFIT = -1

/** Of a group none of whose nodes is among the best. */
const NONE = -2

/** Where nodes fall into more groups than these, looking at all of them is no dearer. */
const GROUPS_KEPT = 128

/** What a node is worth by itself, and with which others it shares what is worth more to it than to the rest. */
export interface NodeWorth {
  /** What the node in a slot is worth, in whole numbers from 0 on, or `UNFIT`. */
  ofSlot(slot: number): number
  /** What the group of the node is called. Default: all are of one group. */
  groupOf?(slot: number): string | number
}

/** What is the same for all nodes of a group, asked about by the slot of one of them. */
export interface GroupWorth {
  /** Whether the group does at all. Default: each does. */
  does?(slot: number): boolean
  /** What groups that do are worth beyond what each node is, where there are so many nodes in each. Default: nothing. */
  ofGroups?(slots: Int32Array, sizes: Int32Array): ArrayLike<number>
}

export interface Best {
  readonly slot: number
  /** What it is worth, with what its group is. */
  readonly worth: number
  /** Whether no other node does. */
  readonly isOnly: boolean
}

interface Group {
  readonly number: number
  readonly name: string | number
  /** How many of its nodes are worth so much. */
  counts: number[]
  /** None of its nodes is worth more than this. */
  most: number
  /** How many of its nodes do. */
  fit: number
  /** The slot of one of its nodes that do; -1 where that must be looked for. */
  any: number
}

/**
 * What all nodes are worth to pods that ask for the same, where that follows from each node alone: kept between decisions, so
 * that the next one looks at those nodes only that have changed. Counted by what they are worth: the best is known at once.
 * What follows from others too (how many pods a zone has) is the same for groups of nodes, and is added by group.
 */
export class NodeRanking {
  #worth = new Int32Array(0)
  /** The number of each node's group; of nodes that do. */
  #groupOf = new Int32Array(0)
  #groups: Group[] = []
  readonly #numbers = new Map<string | number, number>()
  #nodes = 0
  /** How many changes of figures are accounted for, and as of which revision of the nodes. */
  #seen = -1
  #revision = -1
  #isCrowded = false

  /** Brings the ranking up to date; false where there are too many groups for that. */
  refresh(figures: NodeFigures, nodes: number, worth: NodeWorth): boolean {
    const changed = figures.changedSince(this.#seen)
    const isStale = this.#seen < 0 || this.#revision !== figures.latest || this.#nodes !== nodes
    const before = this.#seen
    this.#seen = figures.changes
    if (isStale || (!this.#isCrowded && (changed === undefined || changed > nodes))) {
      this.#revision = figures.latest
      this.#rank(nodes, worth)
    } else {
      for (let n = before; n < figures.changes && !this.#isCrowded; n++) {
        const slot = figures.changedSlot(n)
        if (slot < nodes) this.#update(slot, worth)
      }
    }
    return !this.#isCrowded
  }

  #rank(nodes: number, worth: NodeWorth): void {
    this.#nodes = nodes
    this.#worth = new Int32Array(nodes).fill(UNFIT)
    this.#groupOf = new Int32Array(nodes)
    this.#groups = []
    this.#numbers.clear()
    this.#isCrowded = false
    for (let slot = 0; slot < nodes && !this.#isCrowded; slot++) this.#update(slot, worth)
  }

  #update(slot: number, worth: NodeWorth): void {
    const now = worth.ofSlot(slot)
    const group = now === UNFIT ? NONE : this.#numberOf(worth.groupOf?.(slot) ?? '')
    if (now === this.#worth[slot] && group === this.#groupOf[slot]) return
    this.#leave(slot)
    if (now !== UNFIT && group >= 0) this.#join(slot, now, group)
  }

  /** The group of that name, a new one where there is none; `NONE` where there are too many. */
  #numberOf(name: string | number): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    let number = this.#groups.length
    if (number >= GROUPS_KEPT) {
      number = this.#groups.findIndex(each => each.fit === 0)
      if (number < 0) {
        this.#isCrowded = true
        return NONE
      }
      this.#numbers.delete(this.#groups[number]!.name)
    }
    this.#groups[number] = { number, name, counts: [], most: UNFIT, fit: 0, any: -1 }
    this.#numbers.set(name, number)
    return number
  }

  #leave(slot: number): void {
    const worth = this.#worth[slot]!
    if (worth === UNFIT) return
    const group = this.#groups[this.#groupOf[slot]!]!
    this.#worth[slot] = UNFIT
    group.counts[worth]!--
    group.fit--
    if (group.any === slot) group.any = -1
  }

  #join(slot: number, worth: number, number: number): void {
    const group = this.#groups[number]!
    this.#worth[slot] = worth
    this.#groupOf[slot] = number
    while (group.counts.length <= worth) group.counts.push(0)
    group.counts[worth]!++
    group.fit++
    group.any = slot
    if (worth > group.most) group.most = worth
  }

  /** Does the work as if the nodes in these slots did not do. */
  without<T>(slots: readonly number[], work: () => T): T {
    const before = slots.map(slot => this.#worth[slot]!)
    for (const slot of slots) this.#leave(slot)
    try {
      return work()
    } finally {
      for (const [index, slot] of slots.entries()) {
        if (before[index] !== UNFIT) this.#join(slot, before[index]!, this.#groupOf[slot]!)
      }
    }
  }

  /** The best node, one of the best by chance; nothing where none does. What its group is worth counts where there are others. */
  best(random: Random, of: GroupWorth = {}): Best | undefined {
    const { live, slots } = this.#live(of)
    let fit = 0
    for (const { fit: more } of live) fit += more
    if (fit === 0) return undefined
    const isOnly = fit === 1
    const extra = isOnly
      ? undefined
      : of.ofGroups?.(
          slots,
          Int32Array.from(live, each => each.fit),
        )
    let highest = Number.NEGATIVE_INFINITY
    for (const [index, group] of live.entries()) {
      while (group.counts[group.most] === 0) group.most--
      highest = Math.max(highest, group.most + (extra?.[index] ?? 0))
    }
    const best = live.filter((group, index) => group.most + (extra?.[index] ?? 0) === highest)
    const ties = best.reduce((sum, { counts, most }) => sum + counts[most]!, 0)
    return { slot: this.#nth(best, ties === 1 ? 0 : randomInt(random, ties)), worth: highest, isOnly }
  }

  /** Groups that have nodes and do, with the slot of one node of each. */
  #live({ does }: GroupWorth): { live: readonly Group[]; slots: Int32Array } {
    const live: Group[] = []
    const slots: number[] = []
    for (const group of this.#groups) {
      if (group.fit === 0) continue
      const slot = this.#oneOf(group)
      if (does?.(slot) === false) continue
      live.push(group)
      slots.push(slot)
    }
    return { live, slots: Int32Array.from(slots) }
  }

  /** The slot of one of the nodes of these groups that are worth most there, in the order of slots. */
  #nth(groups: readonly Group[], nth: number): number {
    const worth = this.#worth
    let left = nth
    let slot = 0
    if (this.#groups.length === 1) {
      const target = groups[0]!.most
      while (worth[slot] !== target || left-- > 0) slot++
      return slot
    }
    const targets = new Int32Array(this.#groups.length).fill(NONE)
    for (const { number, most } of groups) targets[number] = most
    const groupOf = this.#groupOf
    while (worth[slot] !== targets[groupOf[slot]!] || left-- > 0) slot++
    return slot
  }

  #oneOf(group: Group): number {
    if (group.any < 0) {
      group.any = this.#groupOf.findIndex((each, slot) => each === group.number && this.#worth[slot] !== UNFIT)
    }
    return group.any
  }
}
