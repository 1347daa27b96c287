/**
 * Compares the caches with the store from time to time, and says in a figure and in the log how that went
 * (k8s.io/apiserver/pkg/storage/cacher/delegator.go, consistencyChecker; KEP-4988).
 */
import { type Clock, type Logger, type MetricsRegistry, messageOf, type Random, sleep } from '@canopus/base'
import type { Store } from '@canopus/store'
import type { KindCache } from './kind-cache.ts'
import type { WatchCache } from './watch-cache.ts'

/** Milliseconds between two rounds; each comes up to half as much later. */
export const CONSISTENCY_CHECK_PERIOD = 300_000

/** How many objects are read from the store at once. */
const PAGE = 1000

export interface CheckedCache {
  readonly group: string
  readonly resource: string
  readonly cache: KindCache
  /** What it is the cache of, and how far it has come. */
  readonly place: { readonly store: Store; readonly cache: Pick<WatchCache, 'revision'> }
}

export interface ConsistencyCheckOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: MetricsRegistry
  /** In milliseconds. */
  readonly period: number
  /** What is to be compared. */
  caches(): readonly CheckedCache[]
}

/** Checks until the signal aborts. */
export async function runConsistencyChecks(options: ConsistencyCheckOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, period } = options
  const checks = options.metrics.counter(
    'apiserver_storage_consistency_checks_total',
    '[ALPHA] Counter for status of consistency checks between etcd and watch cache',
    ['group', 'resource', 'status'],
  )
  while (!signal.aborted) {
    await sleep(clock, period * (1 + random.next() / 2), signal).catch(() => {})
    for (const checked of options.caches()) {
      if (signal.aborted) return
      checks.with(checked.group, checked.resource, await statusOf(options, checked)).add()
    }
  }
}

type Status = 'success' | 'failure' | 'error'

async function statusOf({ logger }: ConsistencyCheckOptions, checked: CheckedCache): Promise<Status> {
  const { group, resource, place } = checked
  const { revision } = place.cache
  try {
    const difference = await firstDifference(place.store, checked.cache, revision)
    if (difference === undefined) return 'success'
    logger.error('a cache does not show what is stored', { group, resource, resourceVersion: revision, ...difference })
    return 'failure'
  } catch (error) {
    logger.error('a cache could not be compared with the store', { group, resource, error: messageOf(error) })
    return 'error'
  }
}

export interface Difference {
  readonly key: string
  /** Revisions of the object; missing where it is not there. */
  readonly cached?: number
  readonly stored?: number
}

/** The first object that the cache shows otherwise than the store did at this revision, which the cache has now. */
export async function firstDifference(
  store: Store,
  cache: KindCache,
  revision: number,
): Promise<Difference | undefined> {
  const cached = new Map(cache.all().map(each => [each.key, each.revision]))
  const unreadable = new Set(cache.unreadable.keys())
  let startKey: string | undefined
  for (;;) {
    const page = { revision, limit: PAGE, ...(startKey === undefined ? {} : { startKey }) }
    const { items, remaining } = await store.list(cache.prefix, page)
    for (const { key, revision: stored } of items) {
      const shown = cached.get(key)
      cached.delete(key)
      if (shown === stored || (shown === undefined && unreadable.has(key))) continue
      return { key, stored, ...(shown === undefined ? {} : { cached: shown }) }
    }
    if (remaining === 0 || items.length === 0) break
    startKey = `${items.at(-1)!.key}\0`
  }
  for (const [key, shown] of cached) return { key, cached: shown }
  return undefined
}
