import { fdatasync, fdatasyncSync, writeSync } from 'node:fs'

/** What the embedded store asks of the disk beside SQLite. `file` is the number of an open file. */
export interface Disk {
  /** Writes all bytes at a position. Throws what the system says. */
  write(file: number, bytes: Uint8Array, position: number): void
  /** Waits on another thread until what was written to the file is on the disk. */
  later(file: number): Promise<void>
  /** The same in place; nothing else runs meanwhile. Throws what the system says. */
  now?(file: number): void
}

export const systemDisk: Disk = {
  write(file, bytes, position) {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at)
  },
  later: file => new Promise((resolve, reject) => fdatasync(file, error => (error ? reject(error) : resolve()))),
  now: fdatasyncSync,
}
