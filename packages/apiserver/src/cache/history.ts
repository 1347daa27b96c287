/** The newest changes of one kind, for watchers that start a little in the past. */
import type { Change } from './change.ts'

/** How many changes of a kind are remembered at most. */
export const HISTORY_CAPACITY = 10_000
const MAX_BYTES = 64 * 1024 * 1024

export class History {
  #changes: Change[] = []
  #head = 0
  #bytes = 0
  #start: number

  /** Changes with a revision greater than `start` are complete here. */
  constructor(start: number) {
    this.#start = start
  }

  get start(): number {
    return this.#start
  }

  add(change: Change): void {
    this.#changes.push(change)
    this.#bytes += change.current.bytes.byteLength
    while (this.#changes.length - this.#head > HISTORY_CAPACITY || this.#bytes > MAX_BYTES) {
      const dropped = this.#changes[this.#head]!
      this.#head++
      this.#bytes -= dropped.current.bytes.byteLength
      this.#start = dropped.revision
    }
    if (this.#head > HISTORY_CAPACITY) {
      this.#changes = this.#changes.slice(this.#head)
      this.#head = 0
    }
  }

  /** All changes after `revision`, or `undefined` where some of them are forgotten. */
  since(revision: number): Change[] | undefined {
    if (revision < this.#start) return undefined
    let low = this.#head
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#changes[middle]!.revision <= revision) low = middle + 1
      else high = middle
    }
    return this.#changes.slice(low)
  }
}
