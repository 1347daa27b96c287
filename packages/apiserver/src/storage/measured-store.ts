/** A store whose requests are timed (`etcd_request_duration_seconds`, whatever the backend is). */

import type { Clock, Counter, Histogram, MetricsRegistry } from '@canopus/base'
import { CompactedError, KeyExistsError, RevisionMismatchError, type Store } from '@canopus/store'
import { transforms } from './encryption/encrypted-store.ts'
import { createInSpan, inSpan, listInSpan, type StoredResource, updateInSpan } from './storage-spans.ts'

const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

interface Measures {
  readonly stored: StoredResource
  readonly labels: readonly string[]
  readonly duration: Histogram
  readonly requests: Counter
}

/** Namespaces are as many as anybody likes. */
const MOST_KNOWN = 4096

/** Around every store of a server. */
export function measuredStores(
  clock: Clock,
  registry: MetricsRegistry,
  resourceOf: (key: string) => StoredResource,
): (store: Store) => Store {
  const durations = registry.histogram(
    'etcd_request_duration_seconds',
    '[ALPHA] Etcd request latency in seconds for each operation and object type.',
    ['operation', 'group', 'resource'],
    BUCKETS,
  )
  const requests = registry.counter(
    'etcd_requests_total',
    '[ALPHA] Etcd request counts for each operation and object type.',
    ['operation', 'group', 'resource'],
  )
  const errors = registry.counter(
    'etcd_request_errors_total',
    '[ALPHA] Etcd failed request counts for each operation and object type.',
    ['operation', 'group', 'resource'],
  )
  /** By operation and what stands before the last part of the key: all objects of a kind in a namespace. */
  const known = new Map<string, Measures>()
  function measuresOf(operation: string, key: string): Measures {
    const id = operation + key.slice(0, key.lastIndexOf('/'))
    let found = known.get(id)
    if (found === undefined) {
      const stored = resourceOf(key)
      const labels = [operation, stored[0], stored[1]]
      found = { stored, labels, duration: durations.with(...labels), requests: requests.with(...labels) }
      if (known.size >= MOST_KNOWN) known.clear()
      known.set(id, found)
    }
    return found
  }
  async function timed<T>(operation: string, key: string, request: (stored: StoredResource) => Promise<T>): Promise<T> {
    const begun = clock.monotonic()
    const measures = measuresOf(operation, key)
    try {
      return await request(measures.stored)
    } catch (error) {
      if (!isAnswer(error)) errors.with(...measures.labels).add()
      throw error
    } finally {
      measures.duration.observe((clock.monotonic() - begun) / 1000)
      measures.requests.add()
    }
  }
  return store => measured(store, timed)
}

type Timed = <T>(operation: string, key: string, request: (stored: StoredResource) => Promise<T>) => Promise<T>

function measured(store: Store, timed: Timed): Store {
  const get = <T>(key: string, read: () => Promise<T>): Promise<T> =>
    timed('get', key, stored => inSpan('Get etcd3', key, stored, read))
  const changes = transforms(store)
  return {
    revision: () => store.revision(),
    get: key => get(key, () => store.get(key)),
    list: (prefix, options) =>
      timed('list', prefix, () => listInSpan(prefix, options, () => store.list(prefix, options))),
    count: prefix => store.count(prefix),
    create: (key, value, options) =>
      timed('create', key, stored =>
        createInSpan(key, stored, value, changes, told => store.create(key, told, options)),
      ),
    update: (key, value, expected, options) =>
      timed('update', key, stored =>
        updateInSpan(key, stored, value, changes, told => store.update(key, told, expected, options)),
      ),
    delete: (key, expected, options) =>
      timed('delete', key, stored => inSpan('Delete etcd3', key, stored, () => store.delete(key, expected, options))),
    watch: (prefix, from, signal) => store.watch(prefix, from, signal),
    compact: revision => store.compact(revision),
    compactedRevision: () => store.compactedRevision(),
    size: () => store.size(),
    close: () => store.close(),
    ...(changes ? { isStale: (key: string) => get(key, () => store.isStale(key)) } : {}),
  }
}

/** What a store answers in the normal course of things. */
function isAnswer(error: unknown): boolean {
  return error instanceof KeyExistsError || error instanceof RevisionMismatchError || error instanceof CompactedError
}
