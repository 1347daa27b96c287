/** All objects under one storage prefix: by namespace and name, in the store's order, with the newest changes. */
import { compareText, SortedMap } from '@canopus/base'
import type { StoreEvent } from '@canopus/store'
import { CacheFigures } from './cache-figures.ts'
import { Change } from './change.ts'
import { History } from './history.ts'
import { ObjectVersion } from './object-version.ts'
import { WatchHub } from './watch-hub.ts'

/** Where the newest version of an object is. Its place in the order is looked for once: most writes change what is there. */
interface Slot {
  version: ObjectVersion
}

interface Bucket {
  readonly namespace: string
  readonly slots: Map<string, Slot>
  /** The same, in order of their names. */
  readonly sorted: SortedMap<string, Slot>
}

/** Namespaces in the order of their objects' keys: `a-b/x` comes before `a/x`. */
const compareNamespaces = (a: string, b: string): number => compareText(`${a}/`, `${b}/`)

export type ChangeListener = (change: Change) => void

export class KindCache {
  /** For example `/registry/pods/`. */
  readonly prefix: string
  readonly namespaced: boolean
  readonly hub = new WatchHub()
  readonly figures = new CacheFigures()
  /** Writes that came from the store. */
  received = 0
  /** Keys whose objects are stored and cannot be read, with the reason. */
  readonly unreadable = new Map<string, string>()
  readonly #buckets = new Map<string, Bucket>()
  readonly #sorted = new SortedMap<string, Bucket>(compareNamespaces)
  readonly #listeners = new Set<ChangeListener>()
  readonly #onError: (error: unknown) => void
  #history: History
  #size = 0
  #bytes = 0
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

  /** Bytes of all objects as they are stored. */
  get bytes(): number {
    return this.#bytes
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
    return this.#buckets.get(namespace)?.slots.get(name)?.version
  }

  /** Objects of one namespace or of all, in the order of their keys, starting at `startKey` (inclusive). */
  *iterate(namespace?: string, startKey?: string): Generator<ObjectVersion> {
    const start = startKey === undefined ? undefined : this.parseKey(startKey)
    for (const bucket of this.bucketsFrom(namespace, start?.namespace)) {
      const name = bucket.namespace === start?.namespace ? start.name : undefined
      for (const [, { version }] of bucket.sorted.range(name)) yield version
    }
  }

  /** How many objects of one namespace or of all there are. */
  countIn(namespace: string | undefined): number {
    return namespace === undefined ? this.#size : (this.#buckets.get(namespace)?.slots.size ?? 0)
  }

  /** How many objects of one namespace or of all there are from `startKey` (inclusive) on. */
  countFrom(namespace: string | undefined, startKey: string): number {
    const start = this.parseKey(startKey)
    let count = 0
    for (const { namespace: own, sorted } of this.bucketsFrom(namespace, start.namespace)) {
      count += own === start.namespace ? sorted.countFrom(start.name) : sorted.size
    }
    return count
  }

  private *bucketsFrom(namespace: string | undefined, start: string | undefined): Generator<Bucket> {
    if (namespace === undefined) {
      for (const [, bucket] of this.#sorted.range(start)) yield bucket
      return
    }
    const bucket = this.#buckets.get(namespace)
    if (bucket !== undefined && (start === undefined || compareNamespaces(namespace, start) >= 0)) yield bucket
  }

  /** All objects at once; the fast way for lists without a limit. */
  all(namespace?: string): ObjectVersion[] {
    const result: ObjectVersion[] = []
    const take = ({ version }: Slot): boolean => result.push(version) > 0
    if (namespace !== undefined) this.#buckets.get(namespace)?.sorted.walk('', take)
    else for (const { sorted } of this.bucketsFrom(undefined, undefined)) sorted.walk('', take)
    return result
  }

  /** Forgets everything and starts over with this state. Listeners hear what is different. */
  reset(versions: Iterable<ObjectVersion>, revision: number): void {
    const before = new Map(this.all().map(version => [version.key, version]))
    this.#buckets.clear()
    this.#sorted.clear()
    this.#size = 0
    this.#bytes = 0
    this.#history = new History(revision)
    this.#lastChange = revision
    for (const version of versions) this.put(version)
    this.figures.loads++
    this.figures.loaded += this.#size
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
    this.received++
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
      bucket = { namespace: version.namespace, slots: new Map(), sorted: new SortedMap(compareText) }
      this.#buckets.set(version.namespace, bucket)
      this.#sorted.set(version.namespace, bucket)
    }
    this.#bytes += version.bytes.byteLength
    const slot = bucket.slots.get(version.name)
    if (slot !== undefined) {
      this.#bytes -= slot.version.bytes.byteLength
      slot.version = version
      return
    }
    this.#size++
    const added = { version }
    bucket.slots.set(version.name, added)
    bucket.sorted.set(version.name, added)
  }

  private drop(namespace: string, name: string): void {
    const bucket = this.#buckets.get(namespace)
    const slot = bucket?.slots.get(name)
    if (bucket === undefined || slot === undefined) return
    bucket.slots.delete(name)
    this.#bytes -= slot.version.bytes.byteLength
    bucket.sorted.delete(name)
    this.#size--
    if (bucket.slots.size > 0) return
    this.#buckets.delete(namespace)
    this.#sorted.delete(namespace)
  }
}
