import { closeSync, constants, fdatasync, openSync, write, writeSync } from 'node:fs'

/** What the embedded store asks of the disk beside SQLite. Bytes and positions are multiples of `BLOCK`, `file` is the number of an open file. */
export interface Disk {
  /** Writes, in place, to a file of `openThrough`; on the disk when it returns. Throws what the system says. */
  writeNow?(file: number, bytes: Uint8Array, position: number): void
  /** The same on another thread. */
  writeLater(file: number, bytes: Uint8Array, position: number): Promise<void>
  /** Makes a file larger. Throws what the system says, ENOSPC where there is no room. */
  extend(file: number, bytes: Uint8Array, position: number): void
  /** Waits on another thread until what was written to the file is on the disk. */
  later(file: number): Promise<void>
}

/** No disk has larger blocks. */
export const BLOCK = 4096

export const systemDisk: Disk = {
  writeNow: writeAll,
  writeLater: (file, bytes, position) =>
    new Promise((resolve, reject) =>
      write(file, bytes, 0, bytes.length, position, (error, written) => {
        if (error) reject(error)
        else if (written < bytes.length) reject(new Error(`${written} of ${bytes.length} bytes were written`))
        else resolve()
      }),
    ),
  extend: writeAll,
  later: file => new Promise((resolve, reject) => fdatasync(file, error => (error ? reject(error) : resolve()))),
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  const written = writeSync(file, bytes, 0, bytes.length, position)
  if (written < bytes.length)
    throw Object.assign(new Error(`${written} of ${bytes.length} bytes were written`), { code: 'ENOSPC' })
}

/** Files whose writes are on the disk when they return, and memory from which they can be written. */
export interface WrittenThrough {
  readonly files: readonly number[]
  readonly memory: Uint8Array
}

/**
 * Opens files so that what is written goes to the disk past the kernel's cache (O_DIRECT), which takes half the time of writing there and
 * having it written; through the cache where the file system knows no other way. The first block of the first file becomes zeros.
 */
export function openThrough(paths: readonly string[], bytes: number): WrittenThrough {
  for (const way of [constants.O_DIRECT, 0]) {
    const files = openAll(paths, constants.O_RDWR | constants.O_DSYNC | way)
    const memory = files && writable(files[0]!, bytes)
    if (memory) return { files, memory }
    files?.forEach(closeSync)
  }
  throw new Error(`${paths[0]} cannot be written to`)
}

function openAll(paths: readonly string[], flags: number): number[] | undefined {
  try {
    return paths.map(path => openSync(path, flags))
  } catch (error) {
    if (isInvalid(error)) return undefined
    throw error
  }
}

/** Memory at an address that the file takes, which the disk wants to be a multiple of something. Nobody but the file knows of what, or the address. */
function writable(file: number, bytes: number): Uint8Array | undefined {
  const room = new Uint8Array(bytes + BLOCK)
  for (let offset = 0; offset < BLOCK; offset += 16) {
    try {
      writeSync(file, room, offset, BLOCK, 0)
      return room.subarray(offset, offset + bytes)
    } catch (error) {
      if (!isInvalid(error)) throw error
    }
  }
  return undefined
}

const isInvalid = (error: unknown): boolean => (error as { code?: unknown }).code === 'EINVAL'
