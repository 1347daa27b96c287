/** How often a client may do what costs the server more than the client. */
import type { Clock } from '@canopus/base'

/** So many at once, and so many a second in the long run. */
export class Allowance {
  readonly #clock: Clock
  readonly #most: number
  readonly #perSecond: number
  #left: number
  #asOf: number

  constructor(clock: Clock, most: number, perSecond: number) {
    this.#clock = clock
    this.#most = most
    this.#perSecond = perSecond
    this.#left = most
    this.#asOf = clock.monotonic()
  }

  /** False where it is used up. */
  take(): boolean {
    if (this.#left < 1) {
      const now = this.#clock.monotonic()
      this.#left = Math.min(this.#most, this.#left + ((now - this.#asOf) * this.#perSecond) / 1000)
      this.#asOf = now
      if (this.#left < 1) return false
    }
    this.#left--
    return true
  }
}
