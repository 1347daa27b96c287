import { type Random, randomInt } from '@canopus/base'
import type { NodeFigures } from './node-figures.ts'

/** Of a node that does not do. */
export const UNFIT = -1

/**
 * What all nodes are worth to pods that ask for the same, where that follows from each node alone: kept between decisions, so
 * that the next one looks at those nodes only that have changed. Counted by what they are worth: the best is known at once.
 */
export class NodeRanking {
  #worth = new Int32Array(0)
  /** How many nodes are worth so much. */
  #counts: number[] = []
  /** No node is worth more than this. */
  #most = UNFIT
  #nodes = 0
  #fit = 0
  /** How many changes of figures are accounted for, and as of which revision of the nodes. */
  #seen = -1
  #revision = -1

  /** How many nodes do. */
  get fit(): number {
    return this.#fit
  }

  /**
   * Brings the ranking up to date; `worthOf` says what the node in a slot is worth, in whole numbers from 0 on, or `UNFIT`.
   */
  refresh(figures: NodeFigures, nodes: number, worthOf: (slot: number) => number): void {
    const changed = figures.changedSince(this.#seen)
    const isStale = this.#seen < 0 || this.#revision !== figures.latest || this.#nodes !== nodes
    const before = this.#seen
    this.#seen = figures.changes
    if (isStale || changed === undefined || changed > nodes) {
      this.#revision = figures.latest
      this.#rank(nodes, worthOf)
      return
    }
    for (let n = before; n < figures.changes; n++) {
      const slot = figures.changedSlot(n)
      if (slot < nodes) this.#set(slot, worthOf(slot))
    }
  }

  #rank(nodes: number, worthOf: (slot: number) => number): void {
    this.#nodes = nodes
    this.#worth = new Int32Array(nodes).fill(UNFIT)
    this.#counts = []
    this.#most = UNFIT
    this.#fit = 0
    for (let slot = 0; slot < nodes; slot++) this.#set(slot, worthOf(slot))
  }

  #set(slot: number, worth: number): void {
    const before = this.#worth[slot]!
    if (before === worth) return
    this.#worth[slot] = worth
    if (before !== UNFIT) {
      this.#counts[before]!--
      this.#fit--
    }
    if (worth === UNFIT) return
    while (this.#counts.length <= worth) this.#counts.push(0)
    this.#counts[worth]!++
    this.#fit++
    if (worth > this.#most) this.#most = worth
  }

  /** Does the work as if the nodes in these slots did not do. */
  without<T>(slots: readonly number[], work: () => T): T {
    const before = slots.map(slot => this.#worth[slot]!)
    for (const slot of slots) this.#set(slot, UNFIT)
    try {
      return work()
    } finally {
      for (const [index, slot] of slots.entries()) this.#set(slot, before[index]!)
    }
  }

  /** The slot of the best node and what it is worth; one of the best by chance. There must be one that does. */
  best(random: Random): { slot: number; worth: number } {
    while (this.#counts[this.#most] === 0) this.#most--
    const worth = this.#most
    const ties = this.#counts[worth]!
    let chosen = ties === 1 ? 0 : randomInt(random, ties)
    const all = this.#worth
    let slot = 0
    while (all[slot] !== worth || chosen-- > 0) slot++
    return { slot, worth }
  }
}
