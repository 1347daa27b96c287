import { type Counter, type Histogram, type MetricsRegistry, perRegistry } from '@canopus/base'

const BOUNDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240]

/** What controllers tell that end pods because of taints (kubernetes pkg/controller/tainteviction/metrics and its twin). */
export class EvictionMetrics {
  readonly #deletions: Counter
  readonly #duration: Histogram

  constructor(registry: MetricsRegistry, subsystem: string, totalHelp: string, durationHelp: string) {
    this.#deletions = registry.counter(`${subsystem}_pod_deletions_total`, `[ALPHA] ${totalHelp}`).with()
    const name = `${subsystem}_pod_deletion_duration_seconds`
    this.#duration = registry.histogram(name, `[ALPHA] ${durationHelp}`, [], BOUNDS).with()
  }

  /** A pod was ended, so many milliseconds after it was due. */
  evicted(late: number): void {
    this.#deletions.add()
    this.#duration.observe(late / 1000)
  }
}

export const taintMetrics = perRegistry(
  registry =>
    new EvictionMetrics(
      registry,
      'taint_eviction_controller',
      'Total number of Pods deleted by TaintEvictionController since its start.',
      'Latency, in seconds, between the time when a taint effect has been activated for the Pod and its deletion via TaintEvictionController.',
    ),
)

export const deviceTaintMetrics = perRegistry(
  registry =>
    new EvictionMetrics(
      registry,
      'device_taint_eviction_controller',
      'Total number of Pods deleted by DeviceTaintEvictionController since its start.',
      "Latency, in seconds, between the time when a device taint effect has been activated and a Pod's deletion via DeviceTaintEvictionController.",
    ),
)
