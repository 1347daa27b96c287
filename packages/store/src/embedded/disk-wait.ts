/** How a commit waits for the disk (docs/adr/0022). */
import { fdatasync, fdatasyncSync } from 'node:fs'
import type { Clock } from '@canopus/base'

/** Commits of more records than this come from many clients, whose next requests can be read meanwhile. */
const FEW_RECORDS = 2
/** Milliseconds within which the disk answers where waiting for it in place costs less than two changes of threads. */
const FAST = 0.5
/**
 * After a slow answer so many lone writes go elsewhere before the disk is tried again, twice as many each time, up to the most: of a
 * fast disk one answer in a hundred is slow, which should not cost much; a slow one is soon left alone.
 */
const PAUSE = { first: 4, most: 1024 }

/** The two ways to wait until what was written to an open file is on the disk. */
export interface Disk {
  /** On another thread. */
  later(file: number): Promise<void>
  /** In place; nothing else runs meanwhile. Throws what the system says. */
  now?(file: number): void
}

export const systemDisk: Disk = {
  later: file => new Promise((resolve, reject) => fdatasync(file, error => (error ? reject(error) : resolve()))),
  now: fdatasyncSync,
}

/**
 * Waits on another thread, while the event loop goes on, but for the lone write of a client that waits for its answer: handing that
 * over and back takes as long as a fast disk itself, and where the event loop is busy, a whole turn of it. How fast the disk is only
 * waiting in place tells; what comes back from the other thread has waited for the event loop too.
 */
export class DiskWait {
  readonly #disk: Disk
  readonly #clock: Pick<Clock, 'monotonic'>
  /** So many lone writes go elsewhere from now on. */
  #elsewhere = 0
  #pause = PAUSE.first

  constructor(disk: Disk, clock: Pick<Clock, 'monotonic'>) {
    this.#disk = disk
    this.#clock = clock
  }

  /**
   * Waits for what a commit of `records` records has written; a promise where that goes on elsewhere.
   * Throws, or rejects, with the system's error.
   */
  after(records: number, file: number): Promise<void> | undefined {
    if (this.#disk.now === undefined || records > FEW_RECORDS) return this.#disk.later(file)
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
