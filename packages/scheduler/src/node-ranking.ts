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

/** What groups of nodes are worth beyond what each node is: by the slot of one of each, and how many there are. */
export type GroupWorth = (slots: Int32Array, sizes: Int32Array) => ArrayLike<number>

interface Group {
  name: string | number
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
  #fit = 0
  /** How many changes of figures are accounted for, and as of which revision of the nodes. */
  #seen = -1
  #revision = -1
  #isCrowded = false

  /** How many nodes do. */
  get fit(): number {
    return this.#fit
  }

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
    this.#fit = 0
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
    this.#groups[number] = { name, counts: [], most: UNFIT, fit: 0, any: -1 }
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
    this.#fit--
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
    this.#fit++
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

  /**
   * The slot of the best node and what it is worth, with what its group is; one of the best by chance. There must be one that
   * does.
   */
  best(random: Random, more?: GroupWorth): { slot: number; worth: number } {
    const targets = new Int32Array(this.#groups.length).fill(NONE)
    const live = [...this.#groups.keys()].filter(number => this.#groups[number]!.fit > 0)
    const extra = more?.(
      this.#oneOf(live),
      Int32Array.from(live, number => this.#groups[number]!.fit),
    )
    let highest = Number.NEGATIVE_INFINITY
    let ties = 0
    for (const [index, number] of live.entries()) {
      const group = this.#groups[number]!
      while (group.counts[group.most] === 0) group.most--
      const total = group.most + (extra?.[index] ?? 0)
      if (total < highest) continue
      if (total > highest) {
        highest = total
        ties = 0
        targets.fill(NONE)
      }
      targets[number] = group.most
      ties += group.counts[group.most]!
    }
    let chosen = ties === 1 ? 0 : randomInt(random, ties)
    const worth = this.#worth
    const groups = this.#groupOf
    let slot = 0
    while (worth[slot] !== targets[groups[slot]!] || chosen-- > 0) slot++
    return { slot, worth: highest }
  }

  /** The slots of one node of each of the groups. */
  #oneOf(groups: readonly number[]): Int32Array {
    return Int32Array.from(groups, number => {
      const group = this.#groups[number]!
      if (group.any < 0) {
        group.any = this.#groupOf.findIndex((each, slot) => each === number && this.#worth[slot] !== UNFIT)
      }
      return group.any
    })
  }
}
