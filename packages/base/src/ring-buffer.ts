/** The newest `capacity` items; pushing one more forgets the oldest. */
export class RingBuffer<T> {
  readonly #slots: (T | undefined)[]
  #head = 0
  #length = 0

  constructor(capacity: number) {
    if (capacity < 1) throw new RangeError('a ring buffer needs room for one item at least')
    this.#slots = new Array(capacity)
  }

  get capacity(): number {
    return this.#slots.length
  }

  get length(): number {
    return this.#length
  }

  /** Adds an item; answers the one that had to go. */
  push(item: T): T | undefined {
    const at = (this.#head + this.#length) % this.capacity
    if (this.#length < this.capacity) {
      this.#slots[at] = item
      this.#length++
      return undefined
    }
    const dropped = this.#slots[at]
    this.#slots[at] = item
    this.#head = (this.#head + 1) % this.capacity
    return dropped
  }

  /** The item at `index` from the oldest on. */
  at(index: number): T | undefined {
    return index >= 0 && index < this.#length ? this.#slots[(this.#head + index) % this.capacity] : undefined
  }

  clear(): void {
    this.#slots.fill(undefined)
    this.#head = 0
    this.#length = 0
  }

  /** From the oldest to the newest. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let index = 0; index < this.#length; index++) yield this.at(index) as T
  }
}
