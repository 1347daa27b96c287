/**
 * The state of a store in memory, one cache per kind, kept current by a single watch: one order for all its kinds, and
 * one revision that says how far every cache has come.
 */

import { tooLargeResourceVersionError } from '@canopus/apimachinery'
import { type Clock, type Logger, messageOf, sleep, type Timer } from '@canopus/base'
import { CompactedError, type KeyValue, type Store, type StoreEvent, type WatchBatch } from '@canopus/store'
import type { Maybe } from '../security.ts'
import { KindCache } from './kind-cache.ts'
import { isStamped, ObjectVersion } from './object-version.ts'

export const REGISTRY = '/registry/'

/** How long a reader waits for a revision that is yet to come, as upstream (cacher/watch_cache.go, blockTimeout). */
const WAIT_LIMIT = 3_000
const BOOKMARK_PERIOD = 60_000

export interface WatchCacheOptions {
  store: Store
  /** With what the keys begin that are followed; all where missing. */
  root?: string
  clock: Clock
  logger: Logger
  /** Makes stamped JSON of stored bytes that have another form (protobuf, or written without the revision). */
  normalise(bytes: Uint8Array, revision: number): Uint8Array
}

export class WatchCache {
  readonly #options: WatchCacheOptions
  readonly #root: string
  readonly #kinds = new Map<string, KindCache>()
  readonly #waiters = new Set<{ revision: number; done: () => void }>()
  readonly #abort = new AbortController()
  #revision = 0
  #running: Promise<void> | undefined
  #bookmarks: Timer | undefined

  constructor(options: WatchCacheOptions) {
    this.#options = options
    this.#root = options.root ?? REGISTRY
  }

  /** Everything up to here is in the caches. */
  get revision(): number {
    return this.#revision
  }

  get kinds(): Iterable<KindCache> {
    return this.#kinds.values()
  }

  /** The cache of a storage prefix (`pods`, `services/specs`); kinds that share storage share it. */
  kind(storagePrefix: string, namespaced: boolean): KindCache {
    let cache = this.#kinds.get(storagePrefix)
    if (cache === undefined) {
      cache = new KindCache(`${REGISTRY}${storagePrefix}/`, namespaced, error =>
        this.#options.logger.error('a listener failed', { storagePrefix, error }),
      )
      this.#kinds.set(storagePrefix, cache)
    }
    return cache
  }

  /** As `kind`, for a kind that comes while the cache runs: nothing of it is stored yet. */
  addKind(storagePrefix: string, namespaced: boolean): KindCache {
    const known = this.#kinds.has(storagePrefix)
    const cache = this.kind(storagePrefix, namespaced)
    if (!known) cache.reset([], this.#revision)
    return cache
  }

  /** Ends the watches on a kind and lets go of its objects. */
  removeKind(storagePrefix: string): void {
    this.#kinds.get(storagePrefix)?.hub.endAll()
    this.#kinds.delete(storagePrefix)
  }

  /** Loads the state and follows the store until `stop`. */
  async start(): Promise<void> {
    await this.load()
    this.#running = this.follow()
    this.tick()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.#bookmarks?.cancel()
    this.endWatches()
    await this.#running
  }

  /** Ends every watch that is open now, with everything that has come so far. */
  endWatches(): void {
    for (const kind of this.#kinds.values()) kind.hub.endAll()
  }

  /** Waits, where it must, until the caches show everything that was written before now. */
  fresh(): Maybe<number> {
    const revision = this.#options.store.revision()
    return revision instanceof Promise ? revision.then(each => this.reached(each)) : this.reached(revision)
  }

  private reached(revision: number): Maybe<number> {
    if (this.#revision >= revision) return this.#revision
    return this.waitFor(revision).then(() => this.#revision)
  }

  /** Waits until `revision` has arrived. Throws StatusError 504 (`ResourceVersionTooLarge`) where it does not in time. */
  waitFor(revision: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(WAIT_LIMIT, () => {
        giveUp()
        reject(tooLargeResourceVersionError(revision, this.#revision))
      })
      const giveUp = this.onceReached(revision, () => {
        timer.cancel()
        resolve()
      })
    })
  }

  /** Calls `done` when `revision` has arrived, at once where it has; what is returned gives up the waiting. */
  onceReached(revision: number, done: () => void): () => void {
    if (this.#revision >= revision) {
      done()
      return () => {}
    }
    const waiter = { revision, done }
    this.#waiters.add(waiter)
    return () => this.#waiters.delete(waiter)
  }

  private async load(): Promise<void> {
    const { items, revision } = await this.#options.store.list(this.#root)
    // Listeners of one kind may add another (definitions of custom resources), whose turn then comes in the next round.
    const done = new Set<KindCache>()
    for (let fresh = [...this.#kinds.values()]; fresh.length > 0; ) {
      const byKind = this.versionsOf(items, new Set(fresh))
      for (const kind of fresh) {
        kind.reset(byKind.get(kind) ?? [], revision)
        done.add(kind)
      }
      fresh = [...this.#kinds.values()].filter(kind => !done.has(kind))
    }
    this.advance(revision)
  }

  private versionsOf(items: readonly KeyValue[], wanted: ReadonlySet<KindCache>): Map<KindCache, ObjectVersion[]> {
    const byKind = new Map<KindCache, ObjectVersion[]>()
    for (const kind of wanted) kind.unreadable.clear()
    for (const { key, value, revision: at, unreadable } of items) {
      const kind = this.kindOfKey(key)
      if (kind === undefined || !wanted.has(kind)) continue
      const bytes = this.normalised(kind, value, at, key, unreadable)
      if (bytes === undefined) continue
      const { namespace, name } = kind.parseKey(key)
      const versions = byKind.get(kind) ?? []
      byKind.set(kind, versions)
      versions.push(new ObjectVersion(key, namespace, name, bytes, at))
    }
    return byKind
  }

  private async follow(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      try {
        for await (const batch of this.#options.store.watch(this.#root, this.#revision, signal)) this.take(batch)
        if (signal.aborted) return
      } catch (error) {
        if (signal.aborted) return
        this.#options.logger.error('the watch on the store broke', { error })
        if (error instanceof CompactedError) {
          for (const kind of this.#kinds.values()) kind.hub.endAll()
          await this.load().catch(problem => this.#options.logger.error('cannot read the store', { error: problem }))
        }
      }
      await sleep(this.#options.clock, 100, signal).catch(() => {})
    }
  }

  private take(batch: WatchBatch): void {
    const touched = new Set<KindCache>()
    for (const event of batch.events) {
      const kind = this.kindOfKey(event.key)
      if (kind === undefined) continue
      const bytes = this.bytesOf(kind, event)
      if (bytes === undefined) continue
      kind.apply(event, bytes)
      touched.add(kind)
    }
    this.advance(batch.revision)
    for (const kind of touched) kind.flush()
  }

  private advance(revision: number): void {
    if (revision > this.#revision) this.#revision = revision
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue
      this.#waiters.delete(waiter)
      waiter.done()
    }
  }

  private bytesOf(kind: KindCache, event: StoreEvent): Uint8Array | undefined {
    const { type, key, value, revision, unreadable } = event
    if (kind.unreadable.size > 0) kind.unreadable.delete(key)
    return type === 'put' ? this.normalised(kind, value, revision, key, unreadable) : value
  }

  private normalised(
    kind: KindCache,
    bytes: Uint8Array,
    revision: number,
    key: string,
    unreadable: string | undefined,
  ): Uint8Array | undefined {
    if (unreadable === undefined && isStamped(bytes, revision)) return bytes
    try {
      if (unreadable !== undefined) throw new Error(unreadable)
      return this.#options.normalise(bytes, revision)
    } catch (error) {
      this.#options.logger.error('a stored object cannot be read and is left out', { key, error })
      kind.unreadable.set(key, messageOf(error))
      return undefined
    }
  }

  private kindOfKey(key: string): KindCache | undefined {
    const first = key.indexOf('/', REGISTRY.length)
    if (first < 0) return undefined
    const second = key.indexOf('/', first + 1)
    const long = second < 0 ? undefined : this.#kinds.get(key.slice(REGISTRY.length, second))
    return long ?? this.#kinds.get(key.slice(REGISTRY.length, first))
  }

  private tick(): void {
    this.#bookmarks = this.#options.clock.setTimer(BOOKMARK_PERIOD, () => {
      if (this.#abort.signal.aborted) return
      for (const kind of this.#kinds.values()) kind.hub.bookmark(this.#revision)
      this.tick()
    })
  }
}
