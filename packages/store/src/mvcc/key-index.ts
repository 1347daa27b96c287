import { compareUtf8, SortedMap } from '@canopus/base'

/** One write to a key, and the one before it. */
export interface Version {
  readonly revision: number
  readonly deleted: boolean
  /** The write before, as far as it is kept. */
  older: Version | undefined
}

interface IndexEntry {
  newest: Version
}

/**
 * Which key was written at which revisions. Worked example, `+` a put and `-` a removal:
 *
 *     writes                 +2 +5 -7 +9      list at 4 shows 2, at 6 shows 5, at 8 nothing, at 9 shows 9
 *     after sweep up to 5       +5 -7 +9      2 was replaced by then; 5 is what a list at 5 shows
 *     after sweep up to 8             +9      5 is replaced, and nobody may ask any more for when 7 removed it
 *
 * So of the writes up to the compacted revision only the newest of each key stays, and that only if it is a put.
 */
export class KeyIndex {
  readonly #byKey = new Map<string, IndexEntry>()
  readonly #sorted = new SortedMap<string, IndexEntry>(compareUtf8)

  /** The newest write to a key, removals included. */
  newest(key: string): Version | undefined {
    return this.#byKey.get(key)?.newest
  }

  /** The value that a key had at `revision`; nothing where it did not exist. */
  at(key: string, revision: number): Version | undefined {
    const entry = this.#byKey.get(key)
    return entry && liveAt(entry, revision)
  }

  add(key: string, revision: number, deleted: boolean): Version {
    const entry = this.#byKey.get(key)
    const version: Version = { revision, deleted, older: entry?.newest }
    if (entry) entry.newest = version
    else {
      const created = { newest: version }
      this.#byKey.set(key, created)
      this.#sorted.set(key, created)
    }
    return version
  }

  /** Takes back the newest write to a key, as if it had never been. */
  undo(key: string): void {
    const entry = this.#byKey.get(key)
    if (!entry) return
    if (entry.newest.older) entry.newest = entry.newest.older
    else this.#remove(key)
  }

  /** Visits the keys with `prefix` from `startKey` on that exist at `revision`, in order, until `visit` answers false. */
  walk(
    prefix: string,
    startKey: string | undefined,
    revision: number,
    visit: (version: Version, key: string) => boolean,
  ): void {
    const start = startKey !== undefined && compareUtf8(startKey, prefix) > 0 ? startKey : prefix
    this.#sorted.walk(start, (entry, key) => {
      if (!key.startsWith(prefix)) return false
      const version = liveAt(entry, revision)
      return version === undefined || visit(version, key)
    })
  }

  /** Every write to keys with `prefix` between two revisions (the first exclusive, the last inclusive), in order. */
  writesBetween(prefix: string, after: number, upTo: number): { key: string; version: Version }[] {
    const found: { key: string; version: Version }[] = []
    this.#sorted.walk(prefix, (entry, key) => {
      if (!key.startsWith(prefix)) return false
      for (
        let version: Version | undefined = entry.newest;
        version && version.revision > after;
        version = version.older
      )
        if (version.revision <= upTo) found.push({ key, version })
      return true
    })
    return found.sort((a, b) => a.version.revision - b.version.revision)
  }

  /**
   * Drops what no list or watch from `compacted` on can need, for at most `limit` keys from `startKey` on. Answers the
   * revisions dropped and the key to go on with, if there are more.
   */
  sweep(startKey: string, compacted: number, limit: number): { dropped: number[]; next: string | undefined } {
    const dropped: number[] = []
    const gone: string[] = []
    let next: string | undefined
    let visited = 0
    this.#sorted.walk(startKey, (entry, key) => {
      if (visited++ === limit) {
        next = key
        return false
      }
      if (sweepEntry(entry, compacted, dropped)) gone.push(key)
      return true
    })
    for (const key of gone) this.#remove(key)
    return { dropped, next }
  }

  #remove(key: string): void {
    this.#byKey.delete(key)
    this.#sorted.delete(key)
  }
}

function liveAt(entry: IndexEntry, revision: number): Version | undefined {
  let version: Version | undefined = entry.newest
  while (version && version.revision > revision) version = version.older
  return version && !version.deleted ? version : undefined
}

/** Answers true where nothing of the key is left. */
function sweepEntry(entry: IndexEntry, compacted: number, dropped: number[]): boolean {
  let newer: Version | undefined
  let version: Version | undefined = entry.newest
  while (version && version.revision > compacted) {
    newer = version
    version = version.older
  }
  if (!version) return false
  for (let old = version.older; old; old = old.older) dropped.push(old.revision)
  version.older = undefined
  if (!version.deleted) return false
  dropped.push(version.revision)
  if (!newer) return true
  newer.older = undefined
  return false
}
