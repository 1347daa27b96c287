/** Numbers in a range, each held by at most one owner: the state behind cluster addresses and node ports. */
import { type Random, randomInt } from '@canopus/base'

export class RangeFullError extends Error {
  /** What there are no more of. */
  readonly what: string
  constructor(what: string) {
    super('range is full')
    this.name = 'RangeFullError'
    this.what = what
  }
}

/** A number of a range; a `bigint` where it is beyond those that are given out unasked. */
export type Index = number | bigint

/** Those who draw from the same numbers without knowing of each other: each looks for one in its own share first. */
export interface Share {
  /** From 0. */
  readonly index: number
  readonly of: number
}

export class Allocator {
  /** How many numbers are given out, counted from 0. */
  readonly size: number
  /** The first so many are only given to those who ask for them by name (KEP-3070, KEP-3668). */
  readonly reserved: number
  readonly #owners = new Map<Index, string>()
  readonly #random: Random
  readonly #what: string
  /** From where to where a number is looked for first. */
  readonly #first: readonly [from: number, to: number]

  constructor(what: string, size: number, reserved: number, random: Random, share: Share = { index: 0, of: 1 }) {
    this.#what = what
    this.size = size
    this.reserved = reserved
    this.#random = random
    const edge = (index: number): number => reserved + Math.floor(((size - reserved) * index) / share.of)
    this.#first = [edge(share.index), edge(share.index + 1)]
  }

  /** How many are held. */
  get taken(): number {
    return this.#owners.size
  }

  ownerOf(index: Index): string | undefined {
    return this.#owners.get(index)
  }

  /** False where somebody else has it. */
  take(index: Index, owner: string): boolean {
    const current = this.#owners.get(index)
    if (current !== undefined && current !== owner) return false
    this.#owners.set(index, owner)
    return true
  }

  /** Notes what is known to be so, whoever was thought to have it. */
  record(index: Index, owner: string): void {
    this.#owners.set(index, owner)
  }

  release(index: Index, owner: string): void {
    if (this.#owners.get(index) === owner) this.#owners.delete(index)
  }

  /** Some free number: of the own share, then from behind the reserved ones, while there is one. Throws RangeFullError. */
  takeAny(owner: string): number {
    const index = this.free(...this.#first) ?? this.free(this.reserved, this.size) ?? this.free(0, this.reserved)
    if (index === undefined) throw new RangeFullError(this.#what)
    this.#owners.set(index, owner)
    return index
  }

  private free(from: number, to: number): number | undefined {
    const span = to - from
    if (span <= 0) return undefined
    const start = randomInt(this.#random, span)
    // Every number is looked at only where nearly all are taken.
    for (let step = 0; step < span; step++) {
      const index = from + ((start + step) % span)
      if (!this.#owners.has(index)) return index
    }
    return undefined
  }
}
