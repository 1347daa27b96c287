/** What the caches and the lists from them tell (k8s.io/apiserver/pkg/storage/cacher/metrics, pkg/storage/etcd3/metrics). */
import type { MetricsRegistry, MetricType, Sample } from '@canopus/base'
import { HISTORY_CAPACITY } from '../cache/history.ts'
import type { KindCache } from '../cache/kind-cache.ts'
import type { Resources } from '../registry/resources.ts'
import type { Place } from '../storage/places.ts'

type NamedCache = [group: string, version: string, resource: string, cache: KindCache, place: Place]

/** Each cache once, by the first resource that it is the cache of. */
export function caches(resources: Resources): NamedCache[] {
  const seen = new Set<KindCache>()
  const found: NamedCache[] = []
  for (const { group, version, plural } of resources.types) {
    const store = resources.endpoint(group, version, plural)?.store
    if (store === undefined || seen.has(store.cache)) continue
    seen.add(store.cache)
    found.push([group, version, plural, store.cache, store.context])
  }
  return found
}

const RESOURCE = ['group', 'resource']

export function registerCacheMetrics(registry: MetricsRegistry, resources: Resources): void {
  const tell = (
    type: MetricType,
    name: string,
    help: string,
    of: (cache: KindCache) => Sample[1] | undefined,
    more: readonly (readonly [label: string, value: string])[] = [],
  ): void =>
    registry.collect(type, name, `[ALPHA] ${help}`, [...RESOURCE, ...more.map(([label]) => label)], () =>
      caches(resources).flatMap(([group, , resource, cache]): Sample[] => {
        const value = of(cache)
        return value === undefined ? [] : [[[group, resource, ...more.map(([, each]) => each)], value]]
      }),
    )
  const counted = (of: (cache: KindCache) => number) => (cache: KindCache) => of(cache) || undefined
  const ifListed = (of: (cache: KindCache) => number) => (cache: KindCache) =>
    cache.figures.lists === 0 ? undefined : of(cache)
  const index = [['index', '']] as const
  const list = 'apiserver_cache_list'
  tell(
    'counter',
    `${list}_total`,
    'Number of LIST requests served from watch cache',
    ifListed(({ figures }) => figures.lists),
    index,
  )
  tell(
    'counter',
    `${list}_fetched_objects_total`,
    'Number of objects read from watch cache in the course of serving a LIST request',
    ifListed(({ figures }) => figures.fetched),
    index,
  )
  tell(
    'counter',
    `${list}_returned_objects_total`,
    'Number of objects returned for a LIST request from watch cache',
    ifListed(({ figures }) => figures.returned),
  )
  const stored = 'apiserver_storage_list'
  tell('counter', `${stored}_total`, 'Number of LIST requests served from storage', ({ figures }) => figures.loads)
  tell(
    'counter',
    `${stored}_fetched_objects_total`,
    'Number of objects read from storage in the course of serving a LIST request',
    ({ figures }) => figures.loaded,
  )
  tell(
    'counter',
    `${stored}_evaluated_objects_total`,
    'Number of objects tested in the course of serving a LIST request from storage',
    ({ figures }) => figures.loaded,
  )
  tell(
    'counter',
    `${stored}_returned_objects_total`,
    'Number of objects returned for a LIST request from storage',
    ({ figures }) => figures.loaded,
  )
  tell(
    'counter',
    'apiserver_init_events_total',
    'Counter of init events processed in watch cache broken by resource type.',
    counted(({ figures }) => figures.initialEvents),
  )
  const cache = 'apiserver_watch_cache'
  tell(
    'counter',
    `${cache}_consistent_read_total`,
    'Counter for consistent reads from cache.',
    counted(({ figures }) => figures.consistent),
    [
      ['success', 'true'],
      ['fallback', 'false'],
    ],
  )
  tell(
    'counter',
    `${cache}_events_dispatched_total`,
    'Counter of events dispatched in watch cache broken by resource type.',
    ({ received }) => received,
  )
  tell(
    'counter',
    `${cache}_initializations_total`,
    'Counter of watch cache initializations broken by resource type.',
    ({ figures }) => figures.loads,
  )
  tell(
    'histogram',
    `${cache}_read_wait_seconds`,
    'Histogram of time spent waiting for a watch cache to become fresh.',
    ({ figures }) => figures.waits,
  )
  tell(
    'gauge',
    'watch_cache_capacity',
    'Total capacity of watch cache broken by resource type.',
    () => HISTORY_CAPACITY,
  )
  const sent = (type: MetricType, name: string, help: string, of: (cache: KindCache) => Sample[1]): void =>
    registry.collect(type, name, `[ALPHA] ${help}`, ['group', 'version', 'resource'], () =>
      caches(resources).flatMap(([group, version, resource, each]): Sample[] =>
        each.hub.eventsSent === 0 ? [] : [[[group, version, resource], of(each)]],
      ),
    )
  sent('counter', 'apiserver_watch_events_total', 'Number of events sent in watch clients', ({ hub }) => hub.eventsSent)
  sent('histogram', 'apiserver_watch_events_sizes', 'Watch event size distribution in bytes', ({ hub }) => hub.sizes)
}
