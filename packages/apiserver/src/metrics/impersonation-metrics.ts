/** How impersonation fares (k8s.io/apiserver/pkg/endpoints/filters/impersonation/metrics). */
import {
  type Clock,
  type Counter,
  exponentialBuckets,
  type Family,
  type Histogram,
  MetricsRegistry,
} from '@canopus/base'

type Outcome = 'allowed' | 'denied'

/** What is counted and timed by mode and decision. */
interface Tally {
  readonly total: Family<Counter>
  readonly durations: Family<Histogram>
}

export class ImpersonationMetrics {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #attempts: Tally
  readonly #questions: Tally

  constructor(clock: Pick<Clock, 'monotonic'>, registry: MetricsRegistry = new MetricsRegistry()) {
    this.#clock = clock
    this.#attempts = tallyOf(registry, 'attempts', 'impersonation attempts')
    this.#questions = tallyOf(
      registry,
      'authorization_attempts',
      'authorization checks made by the impersonation handler',
    )
  }

  /** Milliseconds; what the others are given as `since`. */
  now(): number {
    return this.#clock.monotonic()
  }

  /** Somebody was to be impersonated. No mode is told where none allowed it. */
  attempted(mode: string, outcome: Outcome, since: number): void {
    this.#note(this.#attempts, mode, outcome, since)
  }

  /** The authorizer was asked once. */
  asked(mode: string, outcome: Outcome, since: number): void {
    this.#note(this.#questions, mode, outcome, since)
  }

  #note({ total, durations }: Tally, mode: string, outcome: Outcome, since: number): void {
    total.with(mode, outcome).add()
    durations.with(mode, outcome).observe((this.now() - since) / 1000)
  }
}

const LABELS = ['mode', 'decision']

function tallyOf(registry: MetricsRegistry, name: string, of: string): Tally {
  const prefix = `apiserver_impersonation_${name}`
  const latency = `[ALPHA] Latency of ${of} in seconds split by mode and decision.`
  return {
    total: registry.counter(`${prefix}_total`, `[ALPHA] Total number of ${of} split by mode and decision.`, LABELS),
    durations: registry.histogram(`${prefix}_duration_seconds`, latency, LABELS, exponentialBuckets(0.001, 2, 15)),
  }
}
