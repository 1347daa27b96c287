/** Whose turn it is to be marked for eviction (kubernetes pkg/controller/nodelifecycle, NoExecute tainting pass). */

/** Between a node's failure and its taint: by then the others that failed with it are known. */
const PAUSE = 100

/** Lets nodes be evicted at a rate, in the order in which they asked; none while the rate is 0. */
export class EvictionTurns {
  readonly #wake: (name: string, after: number) => void
  /** From when on a node may have its turn, in milliseconds. */
  readonly #waiting = new Map<string, number>()
  #rate = 0
  #nextAt = 0

  /** `wake` is called when a node that had to wait should ask again, in so many milliseconds. */
  constructor(wake: (name: string, after: number) => void) {
    this.#wake = wake
  }

  /** Nodes per second. */
  setRate(rate: number): void {
    const stood = this.#rate === 0
    this.#rate = rate
    if (stood && rate > 0) for (const name of this.#waiting.keys()) this.#wake(name, 0)
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
