import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { startTimeOf } from './process.ts'

/**
 * Writes a file so that readers see either the old or the new content, also after a power loss: a temporary file beside
 * it is filled, flushed and renamed. Parent directories are made.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o644): void {
  makeDirectories(dirname(path))
  const temporary = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`
  const file = openSync(temporary, 'wx', mode)
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    fsyncSync(file)
    closeSync(file)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Removes what processes that were killed in the middle of `writeFileAtomic` have left beside the file. */
export function removeAbandoned(path: string): void {
  const directory = dirname(path)
  if (!existsSync(directory)) return
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(`${basename(path)}.`)) continue
    const writer = /^(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name.slice(basename(path).length + 1))
    if (writer && startTimeOf(Number(writer[1])) === undefined) rmSync(join(directory, name), { force: true })
  }
}

/**
 * Makes a directory and its parents. Node's own recursive mkdir never ends where a parent says that what is in it does not exist
 * (/proc). Throws what the file system says.
 */
export function makeDirectories(directory: string, mode = 0o777): void {
  if (existsSync(directory) && statSync(directory).isDirectory()) return
  if (dirname(directory) !== directory) makeDirectories(dirname(directory), mode)
  try {
    mkdirSync(directory, { mode })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST' && statSync(directory).isDirectory()))
      throw error
  }
}

/** The file's text, or `undefined` where there is none. */
export function readTextIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** What is in a directory; nothing where there is none. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Whether an error says that a file or directory does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
