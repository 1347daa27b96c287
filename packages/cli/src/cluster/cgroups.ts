import { readdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isMissing } from '@canopus/platform'

const ROOT = '/sys/fs/cgroup'

/** Removes the cgroups of pods that are gone, and their parents where these are empty then. */
export function removePodCgroups(uids: readonly string[]): void {
  const wanted = new Set(uids.flatMap(uid => [`pod${uid}`, `kubepods-pod${uid.replaceAll('-', '_')}.slice`]))
  for (const top of [ROOT, ...controllers()]) {
    for (const parent of ['kubepods', 'kubepods/burstable', 'kubepods/besteffort']) {
      for (const name of childrenOf(join(top, parent))) if (wanted.has(name)) removeTree(join(top, parent, name))
    }
    for (const empty of ['kubepods/burstable', 'kubepods/besteffort', 'kubepods']) tryRemove(join(top, empty))
  }
}

function controllers(): string[] {
  return childrenOf(ROOT)
    .map(name => join(ROOT, name))
    .filter(path => statSync(path).isDirectory())
}

function childrenOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

function removeTree(directory: string): void {
  for (const name of childrenOf(directory))
    if (statSync(join(directory, name)).isDirectory()) removeTree(join(directory, name))
  tryRemove(directory)
}

/** A cgroup that is busy or gone is left as it is. */
function tryRemove(directory: string): void {
  try {
    rmdirSync(directory)
  } catch {
    // still in use by others, or not there
  }
}
