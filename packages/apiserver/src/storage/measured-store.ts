/** A store whose requests are timed (`etcd_request_duration_seconds`, whatever the backend is). */

import type { Clock, Counter, Histogram, MetricsRegistry } from '@canopus/base'
import { CompactedError, KeyExistsError, RevisionMismatchError, type Store } from '@canopus/store'
import { type SpanAttributes, traced } from '../tracing/span.ts'
import { transforms } from './encryption/encrypted-store.ts'

const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

interface Measures {
  readonly labels: readonly string[]
  readonly duration: Histogram
  readonly requests: Counter
}

/** The spans of upstream's storage, whatever the backend is (k8s.io/apiserver/pkg/storage/etcd3/store.go). */
const SPANS: Readonly<Record<string, string>> = {
  get: 'Get etcd3',
  list: 'List(recursive=true) etcd3',
  create: 'Create etcd3',
  update: 'GuaranteedUpdate etcd3',
  delete: 'Delete etcd3',
}

/** Namespaces are as many as anybody likes. */
const MOST_KNOWN = 4096

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
  /** By operation and what stands before the last part of the key: all objects of a kind in a namespace. */
  const known = new Map<string, Measures>()
  function measuresOf(operation: string, key: string): Measures {
    const id = operation + key.slice(0, key.lastIndexOf('/'))
    let found = known.get(id)
    if (found === undefined) {
      const labels = [operation, ...resourceOf(key)]
      found = { labels, duration: durations.with(...labels), requests: requests.with(...labels) }
      if (known.size >= MOST_KNOWN) known.clear()
      known.set(id, found)
    }
    return found
  }
  async function timed<T>(operation: string, key: string, request: () => Promise<T>): Promise<T> {
    const begun = clock.monotonic()
    const measures = measuresOf(operation, key)
    const facts = (): SpanAttributes => ({ key, group: measures.labels[1]!, resource: measures.labels[2]! })
    try {
      return await traced(SPANS[operation] ?? operation, 'client', facts, request)
    } catch (error) {
      if (!isAnswer(error)) errors.with(...measures.labels).add()
      throw error
    } finally {
      measures.duration.observe((clock.monotonic() - begun) / 1000)
      measures.requests.add()
    }
  }
  return {
    revision: () => store.revision(),
    get: key => timed('get', key, () => store.get(key)),
    list: (prefix, options) => timed('list', prefix, () => store.list(prefix, options)),
    count: prefix => store.count(prefix),
    create: (key, value, options) => timed('create', key, () => store.create(key, value, options)),
    update: (key, value, expected, options) => timed('update', key, () => store.update(key, value, expected, options)),
    delete: (key, expected) => timed('delete', key, () => store.delete(key, expected)),
    watch: (prefix, from, signal) => store.watch(prefix, from, signal),
    compact: revision => store.compact(revision),
    compactedRevision: () => store.compactedRevision(),
    size: () => store.size(),
    close: () => store.close(),
    ...(transforms(store) ? { isStale: (key: string) => timed('get', key, () => store.isStale(key)) } : {}),
  }
}

/** What a store answers in the normal course of things. */
function isAnswer(error: unknown): boolean {
  return error instanceof KeyExistsError || error instanceof RevisionMismatchError || error instanceof CompactedError
}
