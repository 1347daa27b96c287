/** How a lone write waits for the disk (docs/adr/0022). */
import type { Clock } from '@canopus/base'

/** Milliseconds within which the disk answers where waiting for it in place costs less than two changes of threads. */
const FAST = 0.5
/**
 * After a slow answer so many lone writes go elsewhere before the disk is tried again, twice as many each time, up to the most: of a
 * fast disk one answer in a hundred is slow, which should not cost much; a slow one is soon left alone.
 */
const PAUSE = { first: 1, most: 1024 }

/** The two ways to write what a client waits for. Both throw, or reject, with the system's error. */
export interface Ways {
  /** In place; nothing else runs meanwhile. */
  now?(): void
  /** On another thread. */
  later(): Promise<void>
}

/**
 * Writes in place, since handing that over to another thread and back takes as long as a fast disk itself, and where the event loop is busy,
 * a whole turn of it; on another thread where the disk is slow. How fast it is only waiting in place tells; what comes back from the other
 * thread has waited for the event loop too.
 */
export class DiskWait {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** So many lone writes go elsewhere from now on. */
  #elsewhere = 0
  #pause = PAUSE.first

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Writes; a promise where that goes on elsewhere. */
  write(ways: Ways): Promise<void> | undefined {
    if (ways.now === undefined) return ways.later()
    if (this.#elsewhere > 0) {
      this.#elsewhere--
      return ways.later()
    }
    const begun = this.#clock.monotonic()
    ways.now()
    if (this.#clock.monotonic() - begun < FAST) {
      this.#pause = PAUSE.first
    } else {
      this.#elsewhere = this.#pause
      this.#pause = Math.min(2 * this.#pause, PAUSE.most)
    }
    return undefined
  }
}
