import { existsSync, readdirSync, rmdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectories } from '@canopus/platform'
import { DiskFull, Failure } from '../failure.ts'

/** What a fresh file system has in its root. */
const HARMLESS = ['lost+found']

/** Whether a new cluster may have the directory: `delete` takes everything in it away. Throws `Failure` where it holds files. */
export function requireEmpty(directory: string): void {
  const found = namesIn(directory).find(name => !HARMLESS.includes(name))
  if (found !== undefined)
    throw new Failure(
      `${directory} is not empty: it holds ${found}`,
      'A new cluster needs a directory of its own: choose another --data-dir, or remove what is there.',
    )
}

/** What is in a directory; nothing where it is not there. Throws `Failure` where it is none. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return []
    if (isCode(error, 'ENOTDIR')) throw new Failure(`${directory} is no directory`, 'Choose another --data-dir.')
    throw error
  }
}

/** Makes a directory for one of our own. Throws `Failure` where it cannot be. */
export function makeDirectory(directory: string): void {
  try {
    makeDirectories(directory, 0o711)
  } catch (error) {
    if (isCode(error, 'EACCES') || isCode(error, 'ENOENT') || isCode(error, 'EROFS') || isCode(error, 'EPERM'))
      throw new Failure(
        `${directory} cannot be made: ${(error as Error).message}`,
        'Choose a directory of yours with CANOPUS_HOME in the environment, or run the command with sudo.',
      )
    throw error
  }
}

/** Bytes below which a disk counts as full: not even a log can say so there. */
const FULL = 64 * 1024

/** Throws `DiskFull` where the directory's file system has no room left. */
export function requireRoom(directory: string): void {
  const { bavail, bsize } = statfsSync(directory)
  if (bavail * bsize < FULL) throw new DiskFull(directory)
}

/** Removes the directory with all that is in it; one that something is mounted on stays, empty. */
export function removeData(directory: string): void {
  if (!existsSync(directory)) return
  for (const name of readdirSync(directory))
    if (!HARMLESS.includes(name)) rmSync(join(directory, name), { recursive: true, force: true })
  try {
    rmdirSync(directory)
  } catch (error) {
    if (!isCode(error, 'EBUSY') && !isCode(error, 'ENOTEMPTY')) throw error
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
