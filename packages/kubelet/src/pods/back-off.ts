interface Entry {
  delay: number
  /** When the delay was last raised, in milliseconds. */
  updatedAt: number
}

export interface BackOffOptions {
  initial: number
  max: number
}

/** CrashLoopBackOff and ImagePullBackOff: 10 s doubling to 5 min (upstream client-go/util/flowcontrol/backoff.go). */
export const RESTART_BACK_OFF: BackOffOptions = { initial: 10_000, max: 300_000 }

/** Delays per key that double with every failure and are forgotten after twice the longest delay without one. */
export class KeyedBackOff {
  readonly #options: BackOffOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: BackOffOptions = RESTART_BACK_OFF) {
    this.#options = options
  }

  /** Milliseconds left to wait at `now` after a failure at `since`; 0 where nothing speaks against another try. */
  remaining(key: string, since: number, now: number): number {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#expired(entry, since)) return 0
    return Math.max(0, since + entry.delay - now)
  }

  /** Left to wait since the last `next`. */
  remainingSinceUpdate(key: string, now: number): number {
    const entry = this.#entries.get(key)
    return entry === undefined ? 0 : this.remaining(key, entry.updatedAt, now)
  }

  /** The present delay of a key, in milliseconds. */
  delay(key: string): number {
    return this.#entries.get(key)?.delay ?? 0
  }

  /** Notes a try after a failure at `since`: the next one has to wait longer. */
  next(key: string, since: number, now: number): void {
    const entry = this.#entries.get(key)
    const fresh = entry === undefined || this.#expired(entry, since)
    const delay = fresh ? this.#options.initial : Math.min(entry.delay * 2, this.#options.max)
    this.#entries.set(key, { delay, updatedAt: now })
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key)
  }

  #expired(entry: Entry, since: number): boolean {
    return since - entry.updatedAt > 2 * this.#options.max
  }
}
