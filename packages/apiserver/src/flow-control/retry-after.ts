/** How long the clients of an overloaded priority level are asked to stay away (dropped_requests_tracker.go). */

const LONGEST = 32

/** Doubles while many requests are dropped, and comes down by one when few are: as TCP does. Times are whole seconds. */
export class RetryAfter {
  #seconds = 1
  #raisedAt = Number.NEGATIVE_INFINITY
  #current = Number.NEGATIVE_INFINITY
  #dropped = 0
  #history: { second: number; dropped: number }[] = []

  get seconds(): number {
    return this.#seconds
  }

  /** Notes a dropped request. */
  drop(second: number): void {
    if (second === this.#current) {
      this.#dropped++
      return
    }
    if (this.#dropped > 0) this.#history.push({ second: this.#current, dropped: this.#dropped })
    this.#current = second
    this.#dropped = 1
    const kept = Math.min(2 * this.#seconds, LONGEST)
    this.#history = this.#history.filter(each => second - each.second <= kept)
    this.adjust(second)
  }

  private adjust(second: number): void {
    const wait = this.#seconds
    let dropped = 0
    for (const each of this.#history) if (second - each.second <= wait) dropped += each.dropped
    if (dropped >= 3 * wait && second - this.#raisedAt >= wait) {
      this.#seconds = Math.min(2 * wait, LONGEST)
      this.#raisedAt = second
    } else if (dropped < wait && wait > 1) this.#seconds--
  }
}
