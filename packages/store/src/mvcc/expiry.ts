import { type Clock, Heap, type Timer } from '@canopus/base'

interface Due {
  readonly key: string
  readonly revision: number
  readonly at: number
}

/** No more than so many keys are removed at once. */
const batchLimit = 500

/** Removes keys when their time is up. A key that was written again since keeps its own, newer time. */
export class Expiry {
  readonly #due = new Heap<Due>((a, b) => a.at - b.at || a.revision - b.revision)
  readonly #clock: Clock
  readonly #remove: (key: string, revision: number) => void
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #closed = false

  /** `remove` is called for keys whose time is up, with the revision of the write that said so. */
  constructor(clock: Clock, remove: (key: string, revision: number) => void) {
    this.#clock = clock
    this.#remove = remove
  }

  /** `at`: wall time in milliseconds. */
  add(key: string, revision: number, at: number): void {
    this.#due.push({ key, revision, at })
    if (at < this.#timerAt) this.#arm(at)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#due.clear()
  }

  #arm(at: number): void {
    if (this.#closed) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.setTimer(Math.min(at - this.#clock.now(), 0x7fffffff), () => this.#run())
  }

  #run(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    for (let count = 0; count < batchLimit && (this.#due.peek()?.at ?? now + 1) <= now; count++) {
      const { key, revision } = this.#due.pop()!
      this.#remove(key, revision)
    }
    const next = this.#due.peek()
    if (next) this.#arm(next.at)
  }
}
