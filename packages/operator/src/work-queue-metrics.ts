/** `workqueue_*` (k8s.io/component-base/metrics/prometheus/workqueue). */
import {
  type Counter,
  exponentialBuckets,
  type Family,
  type Histogram,
  type MetricsRegistry,
  perRegistry,
} from '@canopus/base'

/** What one queue counts. */
export interface WorkQueueMetrics {
  readonly depth: Counter
  readonly adds: Counter
  readonly retries: Counter
  /** Seconds from being added to being taken. */
  readonly queued: Histogram
  /** Seconds from being taken to being done. */
  readonly worked: Histogram
  /** A queue begins: what it works on is asked for from now on; answers the end. */
  begins(work: RunningWork): () => void
}

const BUCKETS = exponentialBuckets(1e-8, 10, 12)
const NAME = ['name']

class Families {
  readonly depth: Family<Counter>
  readonly adds: Family<Counter>
  readonly retries: Family<Counter>
  readonly queued: Family<Histogram>
  readonly worked: Family<Histogram>
  /** The queues of each name: when their keys were taken is asked for when the figures are read. */
  readonly running = new Map<string, Set<RunningWork>>()

  constructor(registry: MetricsRegistry) {
    this.depth = registry.gauge('workqueue_depth', '[BETA] Current depth of workqueue', NAME)
    this.adds = registry.counter('workqueue_adds_total', '[BETA] Total number of adds handled by workqueue', NAME)
    const retries = '[BETA] Total number of retries handled by workqueue'
    this.retries = registry.counter('workqueue_retries_total', retries, NAME)
    const queued = '[BETA] How long in seconds an item stays in workqueue before being requested.'
    this.queued = registry.histogram('workqueue_queue_duration_seconds', queued, NAME, BUCKETS)
    const worked = '[BETA] How long in seconds processing an item from workqueue takes.'
    this.worked = registry.histogram('workqueue_work_duration_seconds', worked, NAME, BUCKETS)
    this.#collect(
      registry,
      'workqueue_unfinished_work_seconds',
      "[BETA] How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
      ages => ages.reduce((sum, age) => sum + age, 0),
    )
    this.#collect(
      registry,
      'workqueue_longest_running_processor_seconds',
      '[BETA] How many seconds has the longest running processor for workqueue been running.',
      ages => Math.max(0, ...ages),
    )
  }

  #collect(registry: MetricsRegistry, name: string, help: string, of: (ages: readonly number[]) => number): void {
    registry.collect('gauge', name, help, NAME, () =>
      [...this.running].map(([queue, works]) => [[queue], of([...works].flatMap(each => each.ages()))] as const),
    )
  }
}

/** What is worked on at the moment. */
export interface RunningWork {
  /** How many seconds each key has been worked on. */
  ages(): readonly number[]
}

const families = perRegistry(registry => new Families(registry))

/** The figures of the queue `name`. */
export function workQueueMetrics(registry: MetricsRegistry, name: string): WorkQueueMetrics {
  const { depth, adds, retries, queued, worked, running } = families(registry)
  return {
    depth: depth.with(name),
    adds: adds.with(name),
    retries: retries.with(name),
    queued: queued.with(name),
    worked: worked.with(name),
    begins(work) {
      const works = running.get(name) ?? new Set()
      running.set(name, works.add(work))
      return () => works.delete(work)
    },
  }
}
