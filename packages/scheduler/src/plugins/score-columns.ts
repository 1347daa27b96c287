import { LruCache } from '@canopus/base'
import type { NodeFigures } from '../node-figures.ts'

const COLUMNS_KEPT = 1000
/** Where this many times fewer nodes are asked for than would have to be worked out, they are worked out alone. */
const WORTH = 4

/** The score of the node in a slot, a whole number from 0 to 255, from its figures alone. */
export type SlotScore = (slot: number) => number

interface Column {
  scores: Uint8Array<ArrayBuffer>
  /** How many changes of figures it has seen. */
  seen: number
}

/**
 * Scores that follow from a pod's requests and a node's figures, kept for all nodes between decisions: for the next pod
 * with the same requests only the nodes whose figures have changed meanwhile are worked out again.
 */
export class ScoreColumns {
  readonly #of = new WeakMap<NodeFigures, LruCache<string, Column>>()

  /** Fills in the scores of the nodes in `slots`. `key`: all that `at` depends on besides the figures. */
  fill(figures: NodeFigures, key: string, at: SlotScore, slots: Int32Array, scores: Float64Array): void {
    const column = this.#current(figures, key, at, slots.length)
    if (column === undefined) for (let i = 0; i < scores.length; i++) scores[i] = at(slots[i]!)
    else for (let i = 0; i < scores.length; i++) scores[i] = column[slots[i]!]!
  }

  #current(figures: NodeFigures, key: string, at: SlotScore, asked: number): Uint8Array | undefined {
    let columns = this.#of.get(figures)
    if (columns === undefined) {
      columns = new LruCache({ capacity: COLUMNS_KEPT })
      this.#of.set(figures, columns)
    }
    const known = columns.get(key)
    const changed = known === undefined ? undefined : figures.changedSince(known.seen)
    const pending = changed ?? figures.opened
    if (pending > asked * WORTH) return undefined
    if (known !== undefined && changed !== undefined && known.scores.length >= figures.opened) {
      for (let n = known.seen; n < figures.changes; n++) {
        const slot = figures.changedSlot(n)
        known.scores[slot] = at(slot)
      }
      known.seen = figures.changes
      return known.scores
    }
    const scores = new Uint8Array(figures.pods.length)
    for (let slot = 0; slot < figures.opened; slot++) scores[slot] = at(slot)
    columns.set(key, { scores, seen: figures.changes })
    return scores
  }
}
