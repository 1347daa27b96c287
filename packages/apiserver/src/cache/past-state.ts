/** What a kind looked like a little while ago: its state now, with the newest changes taken back. */
import { compareText } from '@canopus/base'
import type { KindCache } from './kind-cache.ts'
import type { ObjectVersion } from './object-version.ts'

export interface PastState {
  /** In the order of their keys. */
  versions(): Iterable<ObjectVersion>
  /** How many there are from a key (inclusive) on. */
  readonly countFrom: (key: string) => number
}

/**
 * Objects of one namespace or of all from `startKey` on as they were at `revision`. Undefined where the history does not
 * reach back. To be used before the next change.
 */
export function pastState(
  cache: KindCache,
  namespace: string | undefined,
  startKey: string,
  revision: number,
): PastState | undefined {
  const changes = cache.history.since(revision)
  if (changes === undefined) return undefined
  /** What changed since, and what it was. */
  const before = new Map<string, ObjectVersion | undefined>()
  const made: string[] = []
  const gone: ObjectVersion[] = []
  for (const { current, previous } of changes) {
    const { key } = current
    if (before.has(key) || (namespace !== undefined && current.namespace !== namespace)) continue
    before.set(key, previous)
    const exists = cache.get(current.namespace, current.name) !== undefined
    if (previous === undefined && exists) made.push(key)
    if (previous !== undefined && !exists && key >= startKey) gone.push(previous)
  }
  gone.sort((a, b) => compareText(a.key, b.key))
  return {
    *versions() {
      let next = 0
      for (const version of cache.iterate(namespace, startKey)) {
        while (next < gone.length && gone[next]!.key < version.key) yield gone[next++]!
        const old = before.has(version.key) ? before.get(version.key) : version
        if (old !== undefined) yield old
      }
      yield* gone.slice(next)
    },
    countFrom: key =>
      cache.countFrom(namespace, key) +
      gone.filter(each => each.key >= key).length -
      made.filter(each => each >= key).length,
  }
}
