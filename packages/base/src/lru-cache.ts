export interface LruCacheOptions<V> {
  /** The most that the weights of all entries may add up to. */
  capacity: number
  /** What one entry counts; default 1, so that `capacity` is a number of entries. */
  weigh?: (value: V) => number
}

/** A map that forgets what was used longest ago when it grows beyond its capacity. */
export class LruCache<K, V> {
  // A Map iterates in order of insertion, so the first entry is the one used longest ago.
  readonly #entries = new Map<K, V>()
  readonly #capacity: number
  readonly #weigh: (value: V) => number
  #weight = 0

  constructor(options: LruCacheOptions<V>) {
    this.#capacity = options.capacity
    this.#weigh = options.weigh ?? (() => 1)
  }

  get size(): number {
    return this.#entries.size
  }

  get weight(): number {
    return this.#weight
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, value)
    }
    return value
  }

  /** Like `get`, but does not count as a use. */
  peek(key: K): V | undefined {
    return this.#entries.get(key)
  }

  set(key: K, value: V): void {
    this.delete(key)
    const weight = this.#weigh(value)
    if (weight > this.#capacity) return
    this.#entries.set(key, value)
    this.#weight += weight
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#capacity) break
      this.delete(oldest)
    }
  }

  delete(key: K): boolean {
    const value = this.#entries.get(key)
    if (value === undefined) return false
    this.#entries.delete(key)
    this.#weight -= this.#weigh(value)
    return true
  }

  clear(): void {
    this.#entries.clear()
    this.#weight = 0
  }
}
