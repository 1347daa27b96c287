/** A store whose requests are timed (`etcd_request_duration_seconds`, whatever the backend is). */

import type { Clock, Family, Histogram, MetricsRegistry } from '@canopus/base'
import { CompactedError, KeyExistsError, RevisionMismatchError, type Store } from '@canopus/store'
import { transforms } from './encryption/encrypted-store.ts'

const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

/** `resourceOf` names the group and resource of a key. */
export function measuredStore(
  store: Store,
  clock: Clock,
  registry: MetricsRegistry,
  resourceOf: (key: string) => readonly [group: string, resource: string],
): Store {
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
  async function timed<T>(operation: string, key: string, request: Promise<T>): Promise<T> {
    const begun = clock.monotonic()
    const labels = [operation, ...resourceOf(key)]
    try {
      return await request
    } catch (error) {
      if (!isAnswer(error)) errors.with(...labels).add()
      throw error
    } finally {
      observe(durations, labels, clock.monotonic() - begun)
      requests.with(...labels).add()
    }
  }
  return {
    revision: () => store.revision(),
    get: key => timed('get', key, store.get(key)),
    list: (prefix, options) => timed('list', prefix, store.list(prefix, options)),
    count: prefix => store.count(prefix),
    create: (key, value, options) => timed('create', key, store.create(key, value, options)),
    update: (key, value, expected, options) => timed('update', key, store.update(key, value, expected, options)),
    delete: (key, expected) => timed('delete', key, store.delete(key, expected)),
    watch: (prefix, from, signal) => store.watch(prefix, from, signal),
    compact: revision => store.compact(revision),
    compactedRevision: () => store.compactedRevision(),
    close: () => store.close(),
    ...(transforms(store) ? { isStale: (key: string) => timed('get', key, store.isStale(key)) } : {}),
  }
}

/** What a store answers in the normal course of things. */
function isAnswer(error: unknown): boolean {
  return error instanceof KeyExistsError || error instanceof RevisionMismatchError || error instanceof CompactedError
}

function observe(durations: Family<Histogram>, labels: readonly string[], milliseconds: number): void {
  durations.with(...labels).observe(milliseconds / 1000)
}
