/** What is still to be sent of the body of one answer. */

interface Part {
  readonly bytes: Uint8Array
  /** Called once nobody needs the bytes any more. */
  readonly copied: (() => void) | undefined
}

/** Parts that are gone are kept until there are so many of them. */
const MOST_GONE = 1000

export class Outgoing {
  #parts: Part[] = []
  #next = 0
  /** How much of the next part is sent. */
  #offset = 0
  #unsent = 0
  ended = false

  get unsent(): number {
    return this.#unsent
  }

  add(bytes: Uint8Array, copied?: () => void): void {
    if (bytes.byteLength === 0) {
      copied?.()
      return
    }
    this.#parts.push({ bytes, copied })
    this.#unsent += bytes.byteLength
  }

  /** Hands on so many of the bytes, which are there. */
  take(count: number, to: { add(bytes: Uint8Array, copied?: () => void): void }): void {
    this.#unsent -= count
    for (let left = count; left > 0; ) {
      const { bytes, copied } = this.#parts[this.#next]!
      const start = this.#offset
      const end = Math.min(bytes.byteLength, start + left)
      left -= end - start
      if (end < bytes.byteLength) {
        to.add(bytes.subarray(start, end))
        this.#offset = end
      } else {
        to.add(start === 0 ? bytes : bytes.subarray(start), copied)
        this.#offset = 0
        this.#next++
      }
    }
    if (this.#next === this.#parts.length) {
      this.#parts = []
      this.#next = 0
    } else if (this.#next > MOST_GONE) {
      this.#parts = this.#parts.slice(this.#next)
      this.#next = 0
    }
  }
}
