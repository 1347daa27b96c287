/** What the autoscaler tells of itself (kubernetes pkg/controller/podautoscaler/monitor). */
import {
  type Counter,
  exponentialBuckets,
  type Family,
  type Histogram,
  type MetricsRegistry,
  perRegistry,
} from '@canopus/base'

/** What came of a look at an autoscaler, or of one of its metrics. */
export interface Outcome {
  readonly action: 'scale_up' | 'scale_down' | 'none'
  readonly error: 'spec' | 'internal' | 'none'
}

export const FAILED: Outcome = { action: 'none', error: 'internal' }

/** From the replicas that there are to those that there should be. */
export function outcomeOf(current: number, proposed: number): Outcome {
  if (proposed === current) return { action: 'none', error: 'none' }
  return { action: proposed > current ? 'scale_up' : 'scale_down', error: 'none' }
}

const LABELS =
  "The label 'action' should be either 'scale_down', 'scale_up', or 'none'. Also, the label 'error' should be either 'spec', 'internal', or 'none'."
const FIRST =
  'Note that if both spec and internal errors happen during a reconciliation, the first one to occur is reported in `error` label.'
const TYPE = "The label 'metric_type' corresponds to HPA.spec.metrics[*].type"

export class AutoscalerMetrics {
  readonly #looks: Family<Counter>
  readonly #lookDuration: Family<Histogram>
  readonly #computations: Family<Counter>
  readonly #computationDuration: Family<Histogram>
  readonly #desired: Family<Counter>
  /** How many autoscalers there are; asked for when the figures are read. */
  count: () => number = () => 0

  constructor(registry: MetricsRegistry) {
    const name = (each: string): string => `horizontal_pod_autoscaler_controller_${each}`
    const buckets = exponentialBuckets(0.001, 2, 15)
    const look = ['action', 'error']
    const computation = [...look, 'metric_type']
    this.#looks = registry.counter(
      name('reconciliations_total'),
      `[BETA] Number of reconciliations of HPA controller. ${LABELS} ${FIRST}`,
      look,
    )
    this.#lookDuration = registry.histogram(
      name('reconciliation_duration_seconds'),
      `[BETA] The time(seconds) that the HPA controller takes to reconcile once. ${LABELS} ${FIRST}`,
      look,
      buckets,
    )
    this.#computations = registry.counter(
      name('metric_computation_total'),
      `[BETA] Number of metric computations. ${LABELS} ${TYPE}`,
      computation,
    )
    this.#computationDuration = registry.histogram(
      name('metric_computation_duration_seconds'),
      `[BETA] The time(seconds) that the HPA controller takes to calculate one metric. ${LABELS} ${TYPE}`,
      computation,
      buckets,
    )
    const desiredHelp = '[ALPHA] Current desired replica count for HPA objects.'
    this.#desired = registry.gauge(name('desired_replicas'), desiredHelp, ['hpa_name', 'namespace'])
    const countHelp = '[ALPHA] Current number of controlled HPA objects.'
    registry.collect('gauge', name('num_horizontal_pod_autoscalers'), countHelp, [], () => [[[], this.count()]])
  }

  looked({ action, error }: Outcome, seconds: number): void {
    this.#looks.with(action, error).add()
    this.#lookDuration.with(action, error).observe(seconds)
  }

  computed({ action, error }: Outcome, type: string, seconds: number): void {
    this.#computations.with(action, error, type).add()
    this.#computationDuration.with(action, error, type).observe(seconds)
  }

  wants(namespace: string, name: string, replicas: number): void {
    this.#desired.with(name, namespace).set(replicas)
  }
}

/** The figures in a registry. */
export const autoscalerMetrics = perRegistry(registry => new AutoscalerMetrics(registry))
