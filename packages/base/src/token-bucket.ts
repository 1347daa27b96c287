/** How often something may happen. */
export interface RateLimit {
  /** A second. */
  readonly qps: number
  /** How often at once after a pause. */
  readonly burst: number
}

/** Tokens that come at a rate and are saved up to a number (golang.org/x/time/rate). Moments are milliseconds of any one clock. */
export class TokenBucket {
  readonly #limit: RateLimit
  #tokens: number
  #filledAt: number

  /** Full at first. */
  constructor(limit: RateLimit, now: number) {
    this.#limit = limit
    this.#tokens = limit.burst
    this.#filledAt = now
  }

  /** Takes a token where there is one. */
  tryTake(now: number): boolean {
    this.#fill(now)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Takes a token that may be still to come; answers in how many milliseconds it is there. */
  take(now: number): number {
    this.#fill(now)
    this.#tokens -= 1
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#limit.qps) * 1000
  }

  /** For who has taken a token and does not use it. */
  giveBack(): void {
    this.#tokens += 1
  }

  #fill(now: number): void {
    const { qps, burst } = this.#limit
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * qps) / 1000)
    this.#filledAt = now
  }
}
