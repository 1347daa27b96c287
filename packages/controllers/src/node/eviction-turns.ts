/** Whose turn it is to be marked for eviction (kubernetes pkg/controller/nodelifecycle, NoExecute tainting pass). */

/** How often those that wait are looked through. */
const PAUSE = 100

/** Lets nodes be evicted at a rate, in the order in which they asked; none while the rate is 0. */
export class EvictionTurns {
  readonly #wake: (name: string, after: number) => void
  /** From when on a node may have its turn, in milliseconds. */
  readonly #waiting = new Map<string, number>()
  #rate: number
  #nextAt = 0

  /** `wake` is called when a node that had to wait should ask again, in so many milliseconds. `rate`: nodes per second. */
  constructor(rate: number, wake: (name: string, after: number) => void) {
    this.#rate = rate
    this.#wake = wake
  }

  /** Nodes per second. Whoever has to wait at the old rate has to wait at the new one as well, for its time. */
  setRate(rate: number, now: number): void {
    if (rate === this.#rate) return
    if (rate > 0 && (this.#rate === 0 || this.#nextAt > now)) this.#nextAt = now + 1000 / rate
    this.#rate = rate
    if (rate > 0) for (const name of this.#waiting.keys()) this.#wake(name, 0)
  }

  /** Whether the node may be evicted now. If not, it is woken when that may have changed. */
  isTurnOf(name: string, now: number): boolean {
    const from = this.#waiting.get(name) ?? now + PAUSE
    this.#waiting.set(name, from)
    if (this.#rate === 0) return false
    const at = Math.max(from, this.#nextAt)
    if (now < at) {
      this.#wake(name, at - now)
      return false
    }
    this.#nextAt = now + 1000 / this.#rate
    this.#waiting.delete(name)
    return true
  }

  /** The node is ready again, or gone. */
  forget(name: string): void {
    this.#waiting.delete(name)
  }
}
