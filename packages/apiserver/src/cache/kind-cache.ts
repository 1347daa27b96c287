/** All objects under one storage prefix: by namespace and name, in the store's order, with the newest changes. */
import type { StoreEvent } from '@canopus/store'
import { Change } from './change.ts'
import { History } from './history.ts'
import { ObjectVersion } from './object-version.ts'
import { SortedNames } from './sorted-names.ts'
import { WatchHub } from './watch-hub.ts'

interface Bucket {
  readonly names: SortedNames
  readonly versions: Map<string, ObjectVersion>
}

export type ChangeListener = (change: Change) => void

export class KindCache {
  /** For example `/registry/pods/`. */
  readonly prefix: string
  readonly namespaced: boolean
  readonly hub = new WatchHub()
  /** Keys whose objects are stored and cannot be read, with the reason. */
  readonly unreadable = new Map<string, string>()
  readonly #buckets = new Map<string, Bucket>()
  readonly #namespaces = new SortedNames()
  readonly #listeners = new Set<ChangeListener>()
  readonly #onError: (error: unknown) => void
  #history: History
  #size = 0
  #lastChange = 0
  #unsent: Change[] = []

  constructor(prefix: string, namespaced: boolean, onError: (error: unknown) => void) {
    this.#onError = onError
    this.prefix = prefix
    this.namespaced = namespaced
    this.#history = new History(0)
  }

  get size(): number {
    return this.#size
  }

  get history(): History {
    return this.#history
  }

  /** Revision of the newest change of this kind. */
  get lastChange(): number {
    return this.#lastChange
  }

  keyOf(namespace: string, name: string): string {
    return this.namespaced ? `${this.prefix}${namespace}/${name}` : `${this.prefix}${name}`
  }

  get(namespace: string, name: string): ObjectVersion | undefined {
    return this.#buckets.get(namespace)?.versions.get(name)
  }

  /** Objects of one namespace or of all, in order, starting at the key `startKey` (inclusive). */
  *iterate(namespace?: string, startKey?: string): Generator<ObjectVersion> {
    const start = startKey === undefined ? undefined : this.parseKey(startKey)
    const namespaces = namespace === undefined ? this.#namespaces.values : [namespace]
    for (const each of namespaces) {
      if (start !== undefined && each < start.namespace) continue
      const bucket = this.#buckets.get(each)
      if (bucket === undefined) continue
      const names = bucket.names.values
      let index = start !== undefined && each === start.namespace ? bucket.names.lowerBound(start.name) : 0
      for (; index < names.length; index++) yield bucket.versions.get(names[index]!)!
    }
  }

  /** All objects at once; the fast way for lists without a limit. */
  all(namespace?: string): ObjectVersion[] {
    const result: ObjectVersion[] = []
    for (const each of namespace === undefined ? this.#namespaces.values : [namespace]) {
      const bucket = this.#buckets.get(each)
      if (bucket === undefined) continue
      for (const name of bucket.names.values) result.push(bucket.versions.get(name)!)
    }
    return result
  }

  /** Forgets everything and starts over with this state. Listeners hear what is different. */
  reset(versions: Iterable<ObjectVersion>, revision: number): void {
    const before = new Map(this.all().map(version => [version.key, version]))
    this.#buckets.clear()
    for (const name of [...this.#namespaces.values]) this.#namespaces.remove(name)
    this.#size = 0
    this.#history = new History(revision)
    this.#lastChange = revision
    for (const version of versions) this.put(version)
    this.tellDifferences(before, revision)
  }

  private tellDifferences(before: Map<string, ObjectVersion>, revision: number): void {
    if (this.#listeners.size === 0) return
    for (const version of this.all()) {
      const old = before.get(version.key)
      before.delete(version.key)
      if (old?.revision !== version.revision) this.tell(new Change(version, old, false))
    }
    for (const old of before.values()) this.tell(new Change(old.atRevision(revision), old, true))
  }

  /** One listener's trouble is neither the others' nor the store's. */
  private tell(change: Change): void {
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  /** Takes a write in, and tells the listeners; the watchers are told by `flush`. */
  apply(event: StoreEvent, bytes: Uint8Array): void {
    const { namespace, name } = this.parseKey(event.key)
    const previous = this.get(namespace, name)
    let change: Change
    if (event.type === 'put') {
      const version = new ObjectVersion(event.key, namespace, name, bytes, event.revision)
      this.put(version)
      change = new Change(version, previous, false)
    } else {
      if (previous === undefined) return
      this.drop(namespace, name)
      change = new Change(previous.atRevision(event.revision), previous, true)
    }
    this.#lastChange = event.revision
    this.#history.add(change)
    this.hub.offer(change)
    this.#unsent.push(change)
    this.tell(change)
  }

  /** Takes in objects that could not be read before. Watches end, since they missed them: their clients list again. */
  recover(versions: readonly ObjectVersion[]): void {
    for (const version of versions) {
      const previous = this.get(version.namespace, version.name)
      this.unreadable.delete(version.key)
      this.put(version)
      this.tell(new Change(version, previous, false))
    }
    if (versions.length > 0) this.hub.endAll()
  }

  /** Sends the frames of what was applied since the last time, and lets go of them. */
  flush(): void {
    this.hub.flush()
    for (const change of this.#unsent) change.forgetFrames()
    this.#unsent = []
  }

  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  parseKey(key: string): { namespace: string; name: string } {
    const rest = key.slice(this.prefix.length)
    if (!this.namespaced) return { namespace: '', name: rest }
    const slash = rest.indexOf('/')
    return slash < 0 ? { namespace: '', name: rest } : { namespace: rest.slice(0, slash), name: rest.slice(slash + 1) }
  }

  private put(version: ObjectVersion): void {
    let bucket = this.#buckets.get(version.namespace)
    if (bucket === undefined) {
      bucket = { names: new SortedNames(), versions: new Map() }
      this.#buckets.set(version.namespace, bucket)
      this.#namespaces.add(version.namespace)
    }
    if (!bucket.versions.has(version.name)) {
      bucket.names.add(version.name)
      this.#size++
    }
    bucket.versions.set(version.name, version)
  }

  private drop(namespace: string, name: string): void {
    const bucket = this.#buckets.get(namespace)
    if (!bucket?.versions.delete(name)) return
    bucket.names.remove(name)
    this.#size--
    if (bucket.versions.size > 0) return
    this.#buckets.delete(namespace)
    this.#namespaces.remove(namespace)
  }
}
