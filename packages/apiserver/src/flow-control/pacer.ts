/**
 * All requests share one event loop: a wide one (a list of thousands of objects) keeps it busy for as long as its answer
 * takes to make. So at most one wide request begins in a turn of the loop, those of different levels by turns, and what is
 * ready on the sockets is served in between.
 */
import { Deque } from '@canopus/base'

export class Pacer<K> {
  readonly #waiting = new Map<K, Deque<() => void>>()
  readonly #nextTurn: (work: () => void) => void
  #taken = false

  constructor(nextTurn: (work: () => void) => void) {
    this.#nextTurn = nextTurn
  }

  /** Resolves when it is this one's turn; `undefined` where it may go at once. */
  turn(key: K): Promise<void> | undefined {
    if (!this.#taken) {
      this.#taken = true
      this.#nextTurn(() => this.next())
      return undefined
    }
    return new Promise(resolve => {
      const queue = this.#waiting.get(key) ?? new Deque<() => void>()
      this.#waiting.set(key, queue)
      queue.push(resolve)
    })
  }

  private next(): void {
    const [first] = this.#waiting
    if (first === undefined) {
      this.#taken = false
      return
    }
    const [key, queue] = first
    const go = queue.shift()!
    this.#waiting.delete(key)
    if (queue.length > 0) this.#waiting.set(key, queue)
    this.#nextTurn(() => this.next())
    go()
  }
}
