/** What webhooks and policies are counted by (k8s.io/apiserver/pkg/admission/metrics, .../policy/validating/metrics). */
import { type Counter, type Family, type Histogram, MetricsRegistry } from '@canopus/base'
import type { Operation } from '../security.ts'

/** As upstream names the two phases here. */
export type WebhookType = 'admit' | 'validating'
export type RejectionCause = 'calling_webhook_error' | 'apiserver_internal_error' | 'no_error'
export type EnforcementAction = 'allow' | 'deny' | 'audit' | 'warn'

/** What was asked about what. */
export interface WebhookCallFacts {
  readonly name: string
  readonly type: WebhookType
  readonly operation: Operation
}

const PREFIX = 'apiserver_admission_webhook_'
/** Greater codes are counted as this one: a webhook can think of as many as it likes. */
const GREATEST_CODE = 600

export class AdmissionMetrics {
  readonly #durations: Family<Histogram>
  readonly #requests: Family<Counter>
  readonly #rejections: Family<Counter>
  readonly #failOpen: Family<Counter>
  readonly #checks: Family<Counter>
  readonly #checkDurations: Family<Histogram>

  constructor(registry: MetricsRegistry = new MetricsRegistry()) {
    this.#durations = registry.histogram(
      `${PREFIX}admission_duration_seconds`,
      '[STABLE] Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
      ['name', 'operation', 'rejected', 'type'],
      [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25],
    )
    this.#requests = registry.counter(
      `${PREFIX}request_total`,
      '[ALPHA] Admission webhook request total, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify whether the request was rejected or not and an HTTP status code. Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.',
      ['code', 'name', 'operation', 'rejected', 'type'],
    )
    this.#rejections = registry.counter(
      `${PREFIX}rejection_count`,
      '[ALPHA] Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify an error type (calling_webhook_error or apiserver_internal_error if an error occurred; no_error otherwise) and optionally a non-zero rejection code if the webhook rejects the request with an HTTP status code (honored by the apiserver when the code is greater or equal to 400). Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.',
      ['error_type', 'name', 'operation', 'rejection_code', 'type'],
    )
    this.#failOpen = registry.counter(
      `${PREFIX}fail_open_count`,
      '[ALPHA] Admission webhook fail open count, identified by name and broken out for each admission type (validating or admit).',
      ['name', 'type'],
    )
    const check = ['enforcement_action', 'error_type', 'policy', 'policy_binding']
    this.#checks = registry.counter(
      'apiserver_validating_admission_policy_check_total',
      '[BETA] Validation admission policy check total, labeled by policy and further identified by binding and enforcement action taken.',
      check,
    )
    this.#checkDurations = registry.histogram(
      'apiserver_validating_admission_policy_check_duration_seconds',
      '[BETA] Validation admission latency for individual validation expressions in seconds, labeled by policy and further including binding and enforcement action taken.',
      check,
      [5e-7, 0.001, 0.01, 0.1, 1],
    )
  }

  /** A webhook was asked: the HTTP code that it came to, and whether the request ended there. */
  called({ name, type, operation }: WebhookCallFacts, seconds: number, code: number, rejected: boolean): void {
    this.#requests.with(codeText(code), name, operation, String(rejected), type).add()
    this.#durations.with(name, operation, String(rejected), type).observe(seconds)
  }

  rejected({ name, type, operation }: WebhookCallFacts, cause: RejectionCause, code: number): void {
    this.#rejections.with(cause, name, operation, codeText(code), type).add()
  }

  failedOpen({ name, type }: Pick<WebhookCallFacts, 'name' | 'type'>): void {
    this.#failOpen.with(name, type).add()
  }

  /** One expression of a validating policy had a consequence. */
  checked(policy: string, binding: string, action: EnforcementAction, error: string, seconds: number): void {
    this.#checks.with(action, error, policy, binding).add()
    this.#checkDurations.with(action, error, policy, binding).observe(seconds)
  }
}

const codeText = (code: number): string => String(Math.min(code, GREATEST_CODE))
