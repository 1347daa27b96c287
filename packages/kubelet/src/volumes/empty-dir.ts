import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs'
import type { EmptyDirVolumeSource } from '@canopus/api/core/v1'
import { quantityValue } from '@canopus/apimachinery'
import { run, tryRun } from '@canopus/platform'

/** Makes an empty directory that everybody in the pod may write to; in memory where the medium says so. */
export async function prepareEmptyDir(
  path: string,
  source: EmptyDirVolumeSource,
  fsGroup: number | undefined,
): Promise<void> {
  mkdirSync(path, { recursive: true })
  if (source.medium === 'Memory' && !isMounted(path)) await mountTmpfs(path, source.sizeLimit)
  if (fsGroup !== undefined) chownSync(path, 0, fsGroup)
  chmodSync(path, fsGroup === undefined ? 0o777 : 0o2777)
}

async function mountTmpfs(path: string, sizeLimit: string | undefined): Promise<void> {
  const size = sizeLimit === undefined ? 0 : quantityValue(sizeLimit)
  const options = ['mode=0777', ...(size > 0 ? [`size=${size}`] : [])]
  await run('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', path])
}

/** Mounts a tmpfs for secrets once. They never touch a disk. */
export async function ensureTmpfs(path: string): Promise<void> {
  mkdirSync(path, { recursive: true })
  if (!isMounted(path)) await run('mount', ['-t', 'tmpfs', '-o', 'mode=0751', 'tmpfs', path])
}

export function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => (line.split(' ')[4] ?? '').replace(/\\040/g, ' '))
    .filter(point => point === directory || point.startsWith(`${directory}/`))
    .reverse()
}

function isMounted(path: string): boolean {
  return mountsBelow(path).includes(path)
}

/** Takes away every mount at or below a directory, innermost first. */
export async function unmountBelow(directory: string): Promise<void> {
  for (const point of mountsBelow(directory)) await tryRun('umount', ['--lazy', point])
}
