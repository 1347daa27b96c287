import type { Random } from './random.ts'

export interface BackoffOptions {
  /** First delay in milliseconds. */
  initial: number
  /** No delay is longer than this, jitter aside. */
  max: number
  /** What every delay grows by. Default 2. */
  factor?: number
  /** Up to this share of the delay is added at random. Default 0. Needs `random`. */
  jitter?: number
  random?: Random
}

/** Delays that grow from failure to failure and start afresh after `reset`. */
export class Backoff {
  readonly #options: BackoffOptions
  #attempts = 0

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Failures since the start or the last reset. */
  get attempts(): number {
    return this.#attempts
  }

  /** How long to wait now, in milliseconds; counts one more failure. */
  next(): number {
    const { initial, max, factor = 2, jitter = 0, random } = this.#options
    const delay = Math.min(max, initial * factor ** this.#attempts)
    this.#attempts++
    return jitter > 0 && random ? delay + delay * jitter * random.next() : delay
  }

  reset(): void {
    this.#attempts = 0
  }
}
