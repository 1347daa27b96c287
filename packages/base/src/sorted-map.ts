import type { Compare } from './heap.ts'

const chunkLimit = 512

interface Chunk<K, V> {
  readonly keys: K[]
  readonly values: V[]
}

/**
 * A map that is ordered by key: sorted arrays of up to 512 entries in a sorted array of such chunks. An insert moves a few
 * hundred slots at most, so that 150,000 keys go in in any order in a fraction of a second, and iteration is as fast as
 * that of arrays. Do not change the map while iterating.
 */
export class SortedMap<K, V> {
  readonly #compare: Compare<K>
  #chunks: Chunk<K, V>[] = []
  /** The first key of each chunk, side by side: looking for the chunk of a key reads nothing else. */
  #firsts: K[] = []
  #size = 0

  constructor(compare: Compare<K>) {
    this.#compare = compare
  }

  get size(): number {
    return this.#size
  }

  get(key: K): V | undefined {
    const chunk = this.#chunks[this.#chunkFor(key)]
    if (!chunk) return undefined
    const at = this.#position(chunk.keys, key)
    return at < chunk.keys.length && this.#compare(chunk.keys[at]!, key) === 0 ? chunk.values[at] : undefined
  }

  has(key: K): boolean {
    const chunk = this.#chunks[this.#chunkFor(key)]
    if (!chunk) return false
    const at = this.#position(chunk.keys, key)
    return at < chunk.keys.length && this.#compare(chunk.keys[at]!, key) === 0
  }

  set(key: K, value: V): void {
    const index = this.#chunkFor(key)
    const chunk = this.#chunks[index]
    if (!chunk) {
      this.#chunks.push({ keys: [key], values: [value] })
      this.#firsts.push(key)
      this.#size++
      return
    }
    const at = this.#position(chunk.keys, key)
    if (at < chunk.keys.length && this.#compare(chunk.keys[at]!, key) === 0) {
      chunk.values[at] = value
      return
    }
    chunk.keys.splice(at, 0, key)
    chunk.values.splice(at, 0, value)
    if (at === 0) this.#firsts[index] = key
    this.#size++
    if (chunk.keys.length > chunkLimit) this.#split(index, chunk, at)
  }

  delete(key: K): boolean {
    const index = this.#chunkFor(key)
    const chunk = this.#chunks[index]
    if (!chunk) return false
    const at = this.#position(chunk.keys, key)
    if (at >= chunk.keys.length || this.#compare(chunk.keys[at]!, key) !== 0) return false
    chunk.keys.splice(at, 1)
    chunk.values.splice(at, 1)
    this.#size--
    if (chunk.keys.length === 0) {
      this.#chunks.splice(index, 1)
      this.#firsts.splice(index, 1)
    } else if (at === 0) this.#firsts[index] = chunk.keys[0]!
    return true
  }

  clear(): void {
    this.#chunks = []
    this.#firsts = []
    this.#size = 0
  }

  first(): [K, V] | undefined {
    const chunk = this.#chunks[0]
    return chunk && [chunk.keys[0]!, chunk.values[0]!]
  }

  last(): [K, V] | undefined {
    const chunk = this.#chunks.at(-1)
    return chunk && [chunk.keys.at(-1)!, chunk.values.at(-1)!]
  }

  /** Entries in order, from `start` (inclusive; the first where missing) to before `end` (the last where missing). */
  *range(start?: K, end?: K): IterableIterator<[K, V]> {
    let index = start === undefined ? 0 : this.#chunkFor(start)
    let at = start === undefined ? 0 : this.#position(this.#chunks[index]?.keys ?? [], start)
    for (; index < this.#chunks.length; index++, at = 0) {
      const { keys, values } = this.#chunks[index]!
      for (; at < keys.length; at++) {
        if (end !== undefined && this.#compare(keys[at]!, end) >= 0) return
        yield [keys[at]!, values[at]!]
      }
    }
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.range()
  }

  /**
   * Calls `visit` for every entry from `start` on, in order, until it answers false. The fast way through many entries.
   */
  walk(start: K, visit: (value: V, key: K) => boolean): void {
    let index = this.#chunkFor(start)
    let at = this.#position(this.#chunks[index]?.keys ?? [], start)
    for (; index < this.#chunks.length; index++, at = 0) {
      const { keys, values } = this.#chunks[index]!
      for (; at < keys.length; at++) if (!visit(values[at]!, keys[at]!)) return
    }
  }

  /** How many entries there are from `start` (inclusive) on; takes no longer for many. */
  countFrom(start: K): number {
    const first = this.#chunkFor(start)
    let count = -this.#position(this.#chunks[first]?.keys ?? [], start)
    for (let index = first; index < this.#chunks.length; index++) count += this.#chunks[index]!.keys.length
    return count === 0 ? 0 : count
  }

  /** The chunk that holds `key` or would: the last whose first key is not greater. */
  #chunkFor(key: K): number {
    let low = 0
    let high = this.#firsts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#compare(this.#firsts[middle]!, key) <= 0) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Where `key` is in a sorted array, or would be. */
  #position(keys: readonly K[], key: K): number {
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#compare(keys[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #split(index: number, chunk: Chunk<K, V>, insertedAt: number): void {
    // Keys that arrive in order leave full chunks behind instead of halves.
    const appended = insertedAt === chunk.keys.length - 1
    const at = appended ? chunk.keys.length - 1 : chunk.keys.length >> 1
    const keys = chunk.keys.splice(at)
    this.#chunks.splice(index + 1, 0, { keys, values: chunk.values.splice(at) })
    this.#firsts.splice(index + 1, 0, keys[0]!)
  }
}

/** Orders strings as JavaScript does, by UTF-16 code units. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * Orders strings by their UTF-8 bytes, which differs from JavaScript's order only where one has a character beyond
 * U+FFFF and the other one between U+E000 and U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left === right) continue
    return left >= 0xd800 && right >= 0xd800 ? rankInUtf8(left) - rankInUtf8(right) : left - right
  }
  return a.length - b.length
}

/** Surrogates stand for characters beyond U+FFFF, which UTF-8 sorts after all others. */
function rankInUtf8(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}
