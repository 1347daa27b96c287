/** `scheduler_*` (pkg/scheduler/metrics): attempts, and how long the algorithm takes. */
import { type Counter, exponentialBuckets, type Family, type Histogram, type MetricsRegistry } from '@canopus/base'

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error'

export interface SchedulerMetrics {
  readonly attempts: Family<Counter>
  readonly algorithm: Histogram
}

const known = new WeakMap<MetricsRegistry, SchedulerMetrics>()

/** The scheduler's figures in a registry; made once. */
export function schedulerMetrics(registry: MetricsRegistry): SchedulerMetrics {
  let metrics = known.get(registry)
  if (metrics === undefined) {
    metrics = {
      attempts: registry.counter(
        'scheduler_schedule_attempts_total',
        '[STABLE] Number of attempts to schedule pods, by the result.',
        ['profile', 'result'],
      ),
      algorithm: registry
        .histogram(
          'scheduler_scheduling_algorithm_duration_seconds',
          '[ALPHA] Scheduling algorithm latency in seconds',
          [],
          exponentialBuckets(0.001, 2, 15),
        )
        .with(),
    }
    known.set(registry, metrics)
  }
  return metrics
}
