/** How a commit waits for the disk (docs/adr/0022). */
import type { Clock } from '@canopus/base'
import type { Disk } from './disk.ts'

/** Milliseconds within which the disk answers where waiting for it in place costs less than two changes of threads. */
const FAST = 0.5
/**
 * After a slow answer so many lone writes go elsewhere before the disk is tried again, twice as many each time, up to the most: of a
 * fast disk one answer in a hundred is slow, which should not cost much; a slow one is soon left alone.
 */
const PAUSE = { first: 4, most: 1024 }

/**
 * Waits for what the lone write of a client has written, who waits for its answer: in place, since handing that over to another thread and
 * back takes as long as a fast disk itself, and where the event loop is busy, a whole turn of it; on another thread where the disk is slow. How
 * fast it is only waiting in place tells; what comes back from the other thread has waited for the event loop too.
 */
export class DiskWait {
  readonly #disk: Pick<Disk, 'later' | 'now'>
  readonly #clock: Pick<Clock, 'monotonic'>
  /** So many lone writes go elsewhere from now on. */
  #elsewhere = 0
  #pause = PAUSE.first

  constructor(disk: Pick<Disk, 'later' | 'now'>, clock: Pick<Clock, 'monotonic'>) {
    this.#disk = disk
    this.#clock = clock
  }

  /** Waits until what was written to an open file is on the disk; a promise where that goes on elsewhere. Throws, or rejects, with the system's error. */
  after(file: number): Promise<void> | undefined {
    if (this.#disk.now === undefined) return this.#disk.later(file)
    if (this.#elsewhere > 0) {
      this.#elsewhere--
      return this.#disk.later(file)
    }
    const begun = this.#clock.monotonic()
    this.#disk.now(file)
    if (this.#clock.monotonic() - begun < FAST) {
      this.#pause = PAUSE.first
    } else {
      this.#elsewhere = this.#pause
      this.#pause = Math.min(2 * this.#pause, PAUSE.most)
    }
    return undefined
  }
}
