import type { Clock, Timer } from '@canopus/base'

/** The clock of a machine that has the time wrong by `offset` milliseconds; spans it measures right. */
export class SkewedClock implements Clock {
  readonly #clock: Clock
  offset: number

  constructor(clock: Clock, offset = 0) {
    this.#clock = clock
    this.offset = offset
  }

  now(): number {
    return this.#clock.now() + this.offset
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  setTimer(delay: number, callback: () => void): Timer {
    return this.#clock.setTimer(delay, callback)
  }
}
