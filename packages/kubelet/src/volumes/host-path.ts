import { chmodSync, closeSync, mkdirSync, openSync, type Stats, statSync } from 'node:fs'
import type { HostPathVolumeSource } from '@canopus/api/core/v1'
import { VolumeError } from './payload.ts'

/** What a path must be for each type, and how the message says it. */
const CHECKS: Readonly<Record<string, [(stats: Stats) => boolean, string]>> = {
  Directory: [stats => stats.isDirectory(), 'a directory'],
  DirectoryOrCreate: [stats => stats.isDirectory(), 'a directory'],
  File: [stats => stats.isFile(), 'a file'],
  FileOrCreate: [stats => stats.isFile(), 'a file'],
  Socket: [stats => stats.isSocket(), 'a socket file'],
  CharDevice: [stats => stats.isCharacterDevice(), 'a character device'],
  BlockDevice: [stats => stats.isBlockDevice(), 'a block device'],
}

/** Checks that the path is what its type says, and makes it where the type allows (upstream pkg/volume/hostpath). */
export function prepareHostPath({ path, type = '' }: HostPathVolumeSource): void {
  if (type === '') return
  const check = CHECKS[type]
  if (check === undefined) throw new VolumeError(`${type} is an invalid volume type`)
  const [is, what] = check
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined && type === 'DirectoryOrCreate') {
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o755)
  } else if (stats === undefined && type === 'FileOrCreate') {
    closeSync(openSync(path, 'a', 0o644))
    chmodSync(path, 0o644)
  } else if (stats === undefined || !is(stats))
    throw new VolumeError(`hostPath type check failed: ${path} is not ${what}`)
}
