/**
 * Where kinds are stored: together, but for those that have a store of their own (`--etcd-servers-overrides`;
 * k8s.io/apiserver/pkg/server/storage/storage_factory.go). Each of these has its own revisions, and its own cache on its own watch.
 */
import type { Kind } from '@canopus/api'
import type { Store } from '@canopus/store'
import { REGISTRY, type WatchCache } from '../cache/watch-cache.ts'
import type { Maybe } from '../security.ts'

/** A store beside the first, and what it keeps. */
export interface StoreElsewhere {
  readonly store: Store
  /** Resources as `group/plural`; `group/*` for those of a group that are not named themselves. */
  readonly resources: readonly string[]
}

export interface Place {
  readonly store: Store
  readonly cache: WatchCache
}

export interface PlacesOptions {
  readonly store: Store
  readonly elsewhere: readonly StoreElsewhere[]
  /** As every store is used. */
  used(store: Store): Store
  /** A cache of what lies in a store under a prefix. */
  cacheOf(store: Store, root: string): WatchCache
}

/** Resources that are the same objects as another one, which says where they are. */
const SAME_AS: Readonly<Record<string, string>> = { 'events.k8s.io/events': '/events' }

/** Served by servers of their own upstream, which are not told of other stores. */
const NEVER_ELSEWHERE = ['apiextensions.k8s.io', 'apiregistration.k8s.io']

export class Places {
  readonly main: Place
  readonly #options: PlacesOptions
  readonly #stores = new Map<string, Store>()
  readonly #others = new Map<string, Place>()

  constructor(options: PlacesOptions) {
    this.#options = options
    const store = options.used(options.store)
    this.main = { store, cache: options.cacheOf(store, REGISTRY) }
    for (const { store: other, resources } of options.elsewhere) {
      const used = options.used(other)
      for (const resource of resources) this.#stores.set(resource, used)
    }
  }

  /** Where a built-in kind is; kinds that are the same objects are in the same place. */
  of({ type: { group, plural }, storagePrefix }: Kind): Place {
    const known = this.#others.get(storagePrefix)
    if (known !== undefined || this.#stores.size === 0) return known ?? this.main
    const store = NEVER_ELSEWHERE.includes(group) ? undefined : this.storeOf(`${group}/${plural}`)
    if (store === undefined) return this.main
    const place = { store, cache: this.#options.cacheOf(store, `${REGISTRY}${storagePrefix}/`) }
    this.#others.set(storagePrefix, place)
    return place
  }

  /** Waits, where it must, until all caches show what was written before now. */
  fresh(): Maybe<unknown> {
    if (this.#others.size === 0) return this.main.cache.fresh()
    return Promise.all(this.caches.map(cache => cache.fresh()))
  }

  async start(): Promise<void> {
    await Promise.all(this.caches.map(cache => cache.start()))
  }

  async stop(): Promise<void> {
    await Promise.all(this.caches.map(cache => cache.stop()))
  }

  endWatches(): void {
    for (const cache of this.caches) cache.endWatches()
  }

  private get caches(): WatchCache[] {
    return [this.main.cache, ...[...this.#others.values()].map(({ cache }) => cache)]
  }

  private storeOf(named: string): Store | undefined {
    const resource = SAME_AS[named] ?? named
    return this.#stores.get(resource) ?? this.#stores.get(`${resource.split('/')[0]}/*`)
  }
}
