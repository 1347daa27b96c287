import { type Deferred, deferred } from './deferred.ts'
import { Deque } from './deque.ts'

export interface AsyncQueueOptions {
  /** No more than so many items wait; unlimited where missing. */
  limit?: number
}

/**
 * Hands items from producers to `for await` loops, in order. Several consumers share the items. After `close` what waits is
 * still handed out, then the loops end; after `fail` they throw at once.
 */
export class AsyncQueue<T> implements AsyncIterable<T> {
  readonly #items = new Deque<T>()
  readonly #takers = new Deque<Deferred<IteratorResult<T, undefined>>>()
  readonly #givers = new Deque<Deferred<void>>()
  readonly #limit: number
  #closed = false
  #failure: { reason: unknown } | undefined

  constructor(options: AsyncQueueOptions = {}) {
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY
  }

  /** Items that wait. */
  get length(): number {
    return this.#items.length
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Adds an item; answers false (and drops it) where the queue is full or closed. */
  push(item: T): boolean {
    if (this.#closed) return false
    const taker = this.#takers.shift()
    if (taker) taker.resolve({ done: false, value: item })
    else if (this.#items.length >= this.#limit) return false
    else this.#items.push(item)
    return true
  }

  /** Adds an item as soon as there is room; answers false where the queue is closed first. */
  async put(item: T): Promise<boolean> {
    for (;;) {
      if (this.push(item)) return true
      if (this.#closed) return false
      const room = deferred()
      this.#givers.push(room)
      await room.promise
    }
  }

  /** The next item; waits for one. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#failure) return Promise.reject(this.#failure.reason)
    if (this.#items.length > 0) {
      const value = this.#items.shift() as T
      this.#givers.shift()?.resolve()
      return Promise.resolve({ done: false, value })
    }
    if (this.#closed) return Promise.resolve({ done: true, value: undefined })
    const taker = deferred<IteratorResult<T, undefined>>()
    this.#takers.push(taker)
    return taker.promise
  }

  /** No more items come; those that wait are still handed out. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const taker of this.#takers) taker.resolve({ done: true, value: undefined })
    this.#takers.clear()
    this.#releaseGivers()
  }

  /** Drops what waits and has every consumer throw `reason`. */
  fail(reason: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#failure = { reason }
    this.#items.clear()
    for (const taker of this.#takers) taker.reject(reason)
    this.#takers.clear()
    this.#releaseGivers()
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.next() }
  }

  #releaseGivers(): void {
    for (const giver of this.#givers) giver.resolve()
    this.#givers.clear()
  }
}
