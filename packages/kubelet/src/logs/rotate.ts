import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Clock, Logger } from '@canopus/base'
import type { Cri } from '@canopus/cri'
import { isMissing } from '@canopus/platform'
import type { PodRuntime } from '../runtime/pod-runtime.ts'

export interface RotationOptions {
  /** Bytes from which on a log is rotated. Default 10 MiB. */
  maxSize?: number
  /** How many files of one log are kept, the current one included. Default 5. */
  maxFiles?: number
}

const DEFAULT_MAX_SIZE = 10 * 1024 * 1024
const DEFAULT_MAX_FILES = 5

/** Rotates the logs of running containers that have grown too long (upstream pkg/kubelet/logs/container_log_manager.go). */
export async function rotateLogs(
  cri: Cri,
  clock: Clock,
  logger: Logger,
  pods: Iterable<PodRuntime>,
  options: RotationOptions = {},
): Promise<void> {
  for (const pod of pods)
    for (const container of pod.containers) {
      if (container.state !== 'running' || container.logPath === '') continue
      try {
        const { size } = await stat(container.logPath)
        if (size < (options.maxSize ?? DEFAULT_MAX_SIZE)) continue
        await rotate(container.logPath, clock, options.maxFiles ?? DEFAULT_MAX_FILES)
        await cri.reopenContainerLog({ containerId: container.id })
      } catch (error) {
        if (!isMissing(error)) logger.warn('a log could not be rotated', { log: container.logPath, error })
      }
    }
}

/** Renames the log to `<log>.<time>`, compresses the ones before it and removes the oldest. */
async function rotate(path: string, clock: Clock, maxFiles: number): Promise<void> {
  const directory = dirname(path)
  const name = basename(path)
  const older = (await readdir(directory)).filter(each => each.startsWith(`${name}.`)).sort()
  for (const each of older.filter(file => file.endsWith('.tmp'))) await rm(join(directory, each), { force: true })
  const kept = older.filter(file => !file.endsWith('.tmp'))
  // the current one and the one that it becomes are two of them
  for (const each of kept.slice(0, Math.max(0, kept.length - (maxFiles - 2)))) await rm(join(directory, each))
  for (const each of kept.slice(-(maxFiles - 2))) if (!each.endsWith('.gz')) await compress(join(directory, each))
  const time = new Date(clock.now()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  await rename(path, `${path}.${time}`)
}

async function compress(path: string): Promise<void> {
  const temporary = `${path}.tmp`
  await pipeline(createReadStream(path), createGzip(), createWriteStream(temporary))
  await rename(temporary, `${path}.gz`)
  await rm(path)
}
