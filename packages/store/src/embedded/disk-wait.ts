/** How a commit waits for the disk (docs/adr/0022). */
import { fdatasync, fdatasyncSync } from 'node:fs'
import type { Clock } from '@canopus/base'

/** Commits of more records than this come from many clients, whose next requests can be read meanwhile. */
const FEW_RECORDS = 2
/** Milliseconds within which the disk answers where waiting for it in place costs less than two changes of threads. */
const FAST = 0.5
/** So many answers in a row must have been fast. */
const STREAK = 8

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
 * over and back takes as long as a fast disk itself. After a slow answer the event loop waits for none until the disk has been fast again.
 */
export class DiskWait {
  readonly #disk: Disk
  readonly #clock: Pick<Clock, 'monotonic'>
  #fast = 0

  constructor(disk: Disk, clock: Pick<Clock, 'monotonic'>) {
    this.#disk = disk
    this.#clock = clock
  }

  /**
   * Waits for what a commit of `records` records has written; a promise where that goes on elsewhere.
   * Throws, or rejects, with the system's error.
   */
  after(records: number, file: number): Promise<void> | undefined {
    const begun = this.#clock.monotonic()
    if (this.#disk.now === undefined || records > FEW_RECORDS || this.#fast < STREAK) {
      return this.#disk.later(file).then(() => this.#took(this.#clock.monotonic() - begun))
    }
    this.#disk.now(file)
    this.#took(this.#clock.monotonic() - begun)
    return undefined
  }

  #took(milliseconds: number): void {
    this.#fast = milliseconds < FAST ? this.#fast + 1 : 0
  }
}
