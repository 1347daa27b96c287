import type { Random } from './random.ts'

/**
 * Repeatable randomness: the generator sfc32 (Chris Doty-Humphrey's small fast counter, period of at least 2^32), fine for
 * simulation and jitter, never for secrets.
 */
export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** Seeds that differ by one give unrelated sequences. */
  constructor(seed: number | string) {
    let state = typeof seed === 'number' ? Math.floor(seed) | 0 : hashText(seed)
    const spread = (): number => {
      // splitmix32
      state = (state + 0x9e3779b9) | 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a2d97)
      return mixed ^ (mixed >>> 15)
    }
    this.#a = spread()
    this.#b = spread()
    this.#c = spread()
    for (let warmUp = 0; warmUp < 12; warmUp++) this.#word()
  }

  next(): number {
    return ((this.#word() >>> 5) * 0x4000000 + (this.#word() >>> 6)) / 0x20000000000000
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 4) {
      let word = this.#word()
      for (let offset = 0; offset < 4 && at + offset < length; offset++, word >>>= 8) bytes[at + offset] = word & 0xff
    }
    return bytes
  }

  /** A generator of its own, so that one component's draws do not disturb another's. */
  fork(): SeededRandom {
    return new SeededRandom(this.#word())
  }

  #word(): number {
    const word = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + word
    return word
  }
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}
