/** `workqueue_*` (k8s.io/component-base/metrics/prometheus/workqueue). */
import { type Counter, exponentialBuckets, type Family, type Histogram, type MetricsRegistry } from '@canopus/base'

/** What one queue counts. */
export interface WorkQueueMetrics {
  readonly depth: Counter
  readonly adds: Counter
  readonly retries: Counter
  /** Seconds from being added to being taken. */
  readonly queued: Histogram
  /** Seconds from being taken to being done. */
  readonly worked: Histogram
}

interface Families {
  readonly depth: Family<Counter>
  readonly adds: Family<Counter>
  readonly retries: Family<Counter>
  readonly queued: Family<Histogram>
  readonly worked: Family<Histogram>
}

const families = new WeakMap<MetricsRegistry, Families>()
const BUCKETS = exponentialBuckets(1e-8, 10, 12)
const NAME = ['name']

/** The figures of the queue `name`; the families are made with the first queue of a registry. */
export function workQueueMetrics(registry: MetricsRegistry, name: string): WorkQueueMetrics {
  let known = families.get(registry)
  if (known === undefined) {
    known = {
      depth: registry.gauge('workqueue_depth', '[BETA] Current depth of workqueue', NAME),
      adds: registry.counter('workqueue_adds_total', '[BETA] Total number of adds handled by workqueue', NAME),
      retries: registry.counter('workqueue_retries_total', '[BETA] Total number of retries handled by workqueue', NAME),
      queued: registry.histogram(
        'workqueue_queue_duration_seconds',
        '[BETA] How long in seconds an item stays in workqueue before being requested.',
        NAME,
        BUCKETS,
      ),
      worked: registry.histogram(
        'workqueue_work_duration_seconds',
        '[BETA] How long in seconds processing an item from workqueue takes.',
        NAME,
        BUCKETS,
      ),
    }
    families.set(registry, known)
  }
  const { depth, adds, retries, queued, worked } = known
  return {
    depth: depth.with(name),
    adds: adds.with(name),
    retries: retries.with(name),
    queued: queued.with(name),
    worked: worked.with(name),
  }
}
