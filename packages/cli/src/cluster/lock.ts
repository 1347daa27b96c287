import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isRunning, startTimeOf } from '@canopus/platform'
import { Failure } from '../failure.ts'
import { makeDirectory } from './data-directory.ts'

/**
 * Runs `work` while no other command works on the same thing. The lock is a file with our process id and start time; one
 * whose process is gone counts for nothing.
 */
export async function withLock<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  makeDirectory(dirname(path))
  acquire(path, what)
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

function acquire(path: string, what: string): void {
  const own = `${path}.${process.pid}`
  writeFileSync(own, `${process.pid} ${startTimeOf(process.pid) ?? ''}`, { mode: 0o600 })
  try {
    while (!linked(own, path)) {
      const holder = holderOf(path)
      if (holder && isRunning(holder))
        throw new Failure(
          `another canopus command (process ${holder.pid}) is working on ${what}`,
          'Wait for it to end.',
        )
      takeAway(path, `${own}.stale`)
    }
  } finally {
    rmSync(own, { force: true })
  }
}

/** Linking makes the lock with its content in one step: nobody sees it empty. */
function linked(own: string, path: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Takes a stale lock away; one that somebody has made meanwhile is put back. */
function takeAway(path: string, aside: string): void {
  try {
    renameSync(path, aside)
  } catch {
    return // somebody else was quicker
  }
  const holder = holderOf(aside)
  if (holder && isRunning(holder)) linked(aside, path)
  rmSync(aside, { force: true })
}

function holderOf(path: string): { pid: number; startTime: string } | undefined {
  try {
    const [pid, startTime] = readFileSync(path, 'utf8').split(' ')
    return pid === undefined || pid === '' ? undefined : { pid: Number(pid), startTime: startTime ?? '' }
  } catch {
    return undefined
  }
}
