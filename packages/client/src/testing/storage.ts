/** What the fake server remembers: objects, resource versions, history and open watches. */

import { expiredError, groupResourceOf, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import { keyOf } from '../object-store.ts'
import { WatchStream } from './stream.ts'

/** Narrows a collection: by namespace and selectors. */
export type Filter = (object: KubeObject) => boolean

interface Change {
  version: number
  resource: string
  before: KubeObject | undefined
  after: KubeObject | undefined
}

interface Watcher {
  resource: string
  filter: Filter
  stream: WatchStream
}

export class FakeStorage {
  readonly #clock: Clock
  readonly #collections = new Map<string, Map<string, KubeObject>>()
  #history: Change[] = []
  #watchers = new Set<Watcher>()
  #version = 0
  #compacted = 0
  #uids = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get version(): number {
    return this.#version
  }

  /** RFC 3339, in seconds. */
  timestamp(offsetMs = 0): string {
    return `${new Date(this.#clock.now() + offsetMs).toISOString().slice(0, 19)}Z`
  }

  nextUid(): string {
    this.#uids += 1
    return `00000000-0000-4000-8000-${String(this.#uids).padStart(12, '0')}`
  }

  get(type: ResourceType, name: string, namespace?: string): KubeObject | undefined {
    return this.#collection(type).get(keyOf({ metadata: { name, namespace } }))
  }

  list(type: ResourceType, filter: Filter): KubeObject[] {
    const all = [...this.#collection(type)].sort(([a], [b]) => (a < b ? -1 : 1))
    return all.map(([, object]) => object).filter(filter)
  }

  /** Stores `object` under a new resource version and tells the watchers. The stored object is never changed again. */
  put(type: ResourceType, object: KubeObject): KubeObject {
    this.#version += 1
    const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    const collection = this.#collection(type)
    const before = collection.get(keyOf(after))
    collection.set(keyOf(after), after)
    this.#record({ version: this.#version, resource: groupResourceOf(type), before, after })
    return after
  }

  remove(type: ResourceType, object: KubeObject): KubeObject {
    this.#collection(type).delete(keyOf(object))
    this.#version += 1
    const before = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    this.#record({ version: this.#version, resource: groupResourceOf(type), before, after: undefined })
    return before
  }

  /** Forgets all history: watches from before now answer 410. */
  compact(): void {
    this.#compacted = this.#version
    this.#history = []
  }

  closeWatches(): void {
    for (const watcher of this.#watchers) watcher.stream.end()
    this.#watchers = new Set()
  }

  watch(type: ResourceType, filter: Filter, from: WatchStart, signal: AbortSignal | undefined): WatchStream {
    const resource = groupResourceOf(type)
    const watcher: Watcher = {
      resource,
      filter,
      stream: new WatchStream(signal, () => this.#watchers.delete(watcher)),
    }
    const { stream } = watcher
    if (from.state) {
      for (const object of this.list(type, filter)) stream.push({ type: 'ADDED', object })
      if (from.bookmark) stream.push({ type: 'BOOKMARK', object: this.#bookmark(type) })
    } else {
      if (from.version < this.#compacted) {
        const error = expiredError(`too old resource version: ${from.version} (${this.#compacted})`)
        stream.push({ type: 'ERROR', object: error.status })
        stream.end()
        return stream
      }
      for (const change of this.#history) if (change.version > from.version) notify(watcher, change)
    }
    this.#watchers.add(watcher)
    return stream
  }

  #bookmark(type: ResourceType): KubeObject {
    const metadata = {
      resourceVersion: String(this.#version),
      annotations: { 'k8s.io/initial-events-end': 'true' },
    } as unknown as KubeObject['metadata']
    return { kind: type.kind, metadata }
  }

  #collection(type: ResourceType): Map<string, KubeObject> {
    const name = groupResourceOf(type)
    const known = this.#collections.get(name)
    if (known) return known
    const collection = new Map<string, KubeObject>()
    this.#collections.set(name, collection)
    return collection
  }

  #record(change: Change): void {
    this.#history.push(change)
    for (const watcher of [...this.#watchers]) notify(watcher, change)
  }
}

export interface WatchStart {
  /** Begin with an ADDED for everything that is there. */
  state: boolean
  /** End the state with a bookmark. */
  bookmark: boolean
  /** Else: begin with what came after this version. */
  version: number
}

/** An object that enters or leaves the selection is added or deleted for this watcher. */
function notify(watcher: Watcher, change: Change): void {
  if (watcher.resource !== change.resource) return
  const before = change.before !== undefined && watcher.filter(change.before)
  const after = change.after !== undefined && watcher.filter(change.after)
  if (after) watcher.stream.push({ type: before ? 'MODIFIED' : 'ADDED', object: change.after })
  else if (before) {
    const resourceVersion = String(change.version)
    const last = change.before!
    watcher.stream.push({ type: 'DELETED', object: { ...last, metadata: { ...last.metadata, resourceVersion } } })
  }
}
