import type { Clock, Timer } from '@canopus/base'

/** How long a client may take to begin, in milliseconds (that of Go's server, x/net/http2). */
const PREFACE = 10_000
/** How long a connection may be open on which nothing is asked for, in milliseconds (upstream's `IdleTimeout`, secure_serving.go). */
export const IDLE_TIMEOUT = 90_000

/**
 * Ends connections of clients who say nothing, and of those who ask for nothing any more. By one timer for a connection that
 * idles, rather than by one after each request.
 */
export class Patience {
  readonly #clock: Clock
  readonly #isBusy: () => boolean
  readonly #leave: () => void
  readonly #beginning: Timer
  #idleSince: number
  #idling: Timer

  /** `isBusy`: whether a request is under way; `cut` ends the connection at once, `leave` once the client has heard of it. */
  constructor(clock: Clock, isBusy: () => boolean, cut: () => void, leave: () => void) {
    this.#clock = clock
    this.#isBusy = isBusy
    this.#leave = leave
    this.#beginning = clock.setTimer(PREFACE, cut)
    this.#idleSince = clock.monotonic()
    this.#idling = clock.setTimer(IDLE_TIMEOUT, () => this.look())
  }

  /** The client has said what it must. */
  hasBegun(): void {
    this.#beginning.cancel()
  }

  /** The last request that was under way is over. */
  idles(): void {
    this.#idleSince = this.#clock.monotonic()
  }

  /** The connection is over. */
  end(): void {
    this.#beginning.cancel()
    this.#idling.cancel()
  }

  private look(): void {
    const left = this.#isBusy() ? IDLE_TIMEOUT : this.#idleSince + IDLE_TIMEOUT - this.#clock.monotonic()
    if (left > 0) this.#idling = this.#clock.setTimer(left, () => this.look())
    else this.#leave()
  }
}
