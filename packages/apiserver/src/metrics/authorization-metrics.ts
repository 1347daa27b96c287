/**
 * What authorizers decide, and how their webhooks and match conditions fare (k8s.io/apiserver/pkg/authorization/metrics,
 * pkg/authorization/cel/metrics.go, plugin/pkg/authorizer/webhook/metrics).
 */
import {
  type Counter,
  DEFAULT_BUCKETS,
  type Family,
  type Histogram,
  MetricsRegistry,
  TimeoutError,
} from '@canopus/base'
import { ReviewStatusError } from '../review-webhook/client.ts'
import type { Attributes, Authorizer, Decision } from '../security.ts'

const PREFIX = 'apiserver_authorization_'
const CONDITION_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25]

/** What one webhook reports. */
export interface WebhookMetrics {
  /** It was asked once; `error` is why there was no answer. */
  asked(seconds: number, error?: unknown): void
  /** There was no answer, for that reason, and others are asked instead. */
  failedOpen(error: unknown): void
  /** Its match conditions were looked at: whether one of them failed, and whether one of them did not hold. */
  matched(seconds: number, failed: boolean, excluded: boolean): void
}

export class AuthorizationMetrics {
  readonly #decisions: Family<Counter>
  readonly #evaluations: Family<Counter>
  readonly #durations: Family<Histogram>
  readonly #failOpen: Family<Counter>
  readonly #conditionErrors: Family<Counter>
  readonly #exclusions: Family<Counter>
  readonly #conditionDurations: Family<Histogram>

  constructor(registry: MetricsRegistry = new MetricsRegistry()) {
    const counter = (name: string, help: string, ...labels: string[]): Family<Counter> =>
      registry.counter(`${PREFIX}${name}`, `[ALPHA] ${help}`, labels)
    this.#decisions = counter(
      'decisions_total',
      'Total number of terminal decisions made by an authorizer split by authorizer type, name, and decision.',
      'decision',
      'name',
      'type',
    )
    this.#evaluations = counter('webhook_evaluations_total', 'Round-trips to authorization webhooks.', 'name', 'result')
    this.#durations = registry.histogram(
      `${PREFIX}webhook_duration_seconds`,
      '[ALPHA] Request latency in seconds.',
      ['name', 'result'],
      DEFAULT_BUCKETS,
    )
    this.#failOpen = counter(
      'webhook_evaluations_fail_open_total',
      'NoOpinion results due to webhook timeout or error.',
      'name',
      'result',
    )
    this.#conditionErrors = counter(
      'match_condition_evaluation_errors_total',
      'Total number of errors when an authorization webhook encounters a match condition error split by authorizer type and name.',
      'name',
      'type',
    )
    this.#exclusions = counter(
      'match_condition_exclusions_total',
      'Total number of exclusions when an authorization webhook is skipped because match conditions exclude it.',
      'name',
      'type',
    )
    this.#conditionDurations = registry.histogram(
      `${PREFIX}match_condition_evaluation_seconds`,
      '[ALPHA] Authorization match condition evaluation time in seconds, split by authorizer type and name.',
      ['name', 'type'],
      CONDITION_SECONDS,
    )
  }

  /** The same authorizer, whose decisions are counted; no opinion is none. */
  counting(type: string, name: string, authorizer: Authorizer): Authorizer {
    const counters = new Map<string, Counter>()
    const count = (decision: Decision): Decision => {
      if (decision.decision === 'no-opinion') return decision
      let counter = counters.get(decision.decision)
      if (counter === undefined) {
        counter = this.#decisions.with(decision.decision === 'allow' ? 'allowed' : 'denied', name, type)
        counters.set(decision.decision, counter)
      }
      counter.add()
      return decision
    }
    return {
      authorize(attributes: Attributes) {
        const decision = authorizer.authorize(attributes)
        return decision instanceof Promise ? decision.then(count) : count(decision)
      },
      ...(authorizer.rulesFor && { rulesFor: (user, namespace) => authorizer.rulesFor!(user, namespace) }),
    }
  }

  /** For the webhook of that name. */
  ofWebhook(name: string): WebhookMetrics {
    return {
      asked: (seconds, error) => {
        const result = error === undefined ? 'success' : resultOf(error)
        this.#evaluations.with(name, result).add()
        this.#durations.with(name, result).observe(seconds)
      },
      failedOpen: error => this.#failOpen.with(name, resultOf(error)).add(),
      matched: (seconds, failed, excluded) => {
        this.#conditionDurations.with(name, 'webhook').observe(seconds)
        if (failed) this.#conditionErrors.with(name, 'webhook').add()
        if (excluded) this.#exclusions.with(name, 'webhook').add()
      },
    }
  }
}

const isTimeout = (error: unknown): boolean =>
  error instanceof TimeoutError || (error instanceof ReviewStatusError && error.status === 504)

const resultOf = (error: unknown): string => (isTimeout(error) ? 'timeout' : 'error')
