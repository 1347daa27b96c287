import { rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn } from '@canopus/platform'

const ROOT = '/sys/fs/cgroup'

/**
 * Removes the cgroups of pods that are gone, and their parents where these are empty then. `node` is the prefix under which a node
 * in namespaces keeps its cgroups: all of them are its own, also those of pods that nobody remembers.
 */
export function removePodCgroups(uids: readonly string[], node?: string): void {
  const wanted = new Set(uids.flatMap(uid => [`pod${uid}`, `kubepods-pod${uid.replaceAll('-', '_')}.slice`]))
  const kubepods = node === undefined ? 'kubepods' : `${node}/kubepods`
  for (const top of [ROOT, ...controllers()]) {
    const parents = ['burstable', 'besteffort', ''].map(quality => join(top, kubepods, quality))
    for (const parent of parents) {
      for (const name of namesIn(parent))
        if (wanted.has(name) || (node !== undefined && /pod/.test(name))) removeTree(join(parent, name))
    }
    for (const empty of parents) tryRemove(empty)
    if (node !== undefined) tryRemove(join(top, node))
  }
}

function controllers(): string[] {
  return namesIn(ROOT)
    .map(name => join(ROOT, name))
    .filter(path => statSync(path).isDirectory())
}

function removeTree(directory: string): void {
  // A runtime that ends may remove them at the same time.
  for (const name of namesIn(directory))
    if (statSync(join(directory, name), { throwIfNoEntry: false })?.isDirectory()) removeTree(join(directory, name))
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
