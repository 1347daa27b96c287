/** How a lone write waits for the disk (docs/adr/0022). */
import type { Clock } from '@canopus/base'

/** Milliseconds within which the disk answers, at the median, where waiting for it in place costs less than two changes of threads. */
const FAST = 1
/** So many waits in place tell how fast the disk is: one that was long because others had the processor, or were writing, says little. */
const REMEMBERED = 9
/**
 * After a slow answer of a slow disk so many lone writes go elsewhere before it is tried again, twice as many each time, up to the most: a
 * slow one is soon left alone.
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
  /** What the last tries in place took, the oldest first. */
  readonly #tries: number[] = []
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
    this.#learn(this.#clock.monotonic() - begun)
    return undefined
  }

  #learn(took: number): void {
    if (this.#tries.push(took) > REMEMBERED) this.#tries.shift()
    if (took < FAST) this.#pause = PAUSE.first
    else if (this.#isSlow()) {
      this.#elsewhere = this.#pause
      this.#pause = Math.min(2 * this.#pause, PAUSE.most)
    }
  }

  /** Whether most of the last tries were slow. */
  #isSlow(): boolean {
    return 2 * this.#tries.filter(took => took >= FAST).length > this.#tries.length
  }
}
