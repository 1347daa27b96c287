import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { isRunning, startTimeOf } from '@canopus/platform'
import { Failure } from '../failure.ts'

/**
 * Runs `work` while no other command works on the same thing. The lock is a file with our process id and start time; one
 * whose process is gone counts for nothing.
 */
export async function withLock<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true })
  acquire(path, what)
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

function acquire(path: string, what: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      const file = openSync(path, 'wx', 0o600)
      writeSync(file, `${process.pid} ${startTimeOf(process.pid) ?? ''}`)
      closeSync(file)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST') || attempt > 0) throw error
      const holder = holderOf(path)
      if (holder && isRunning(holder))
        throw new Failure(
          `another canopus command (process ${holder.pid}) is working on ${what}`,
          'Wait for it to end.',
        )
      rmSync(path, { force: true })
    }
  }
}

function holderOf(path: string): { pid: number; startTime: string } | undefined {
  try {
    const [pid, startTime] = readFileSync(path, 'utf8').split(' ')
    return pid === undefined || pid === '' ? undefined : { pid: Number(pid), startTime: startTime ?? '' }
  } catch {
    return undefined
  }
}
