/** `apiserver_audit_*` (k8s.io/apiserver/pkg/audit/metrics.go). */
import { type Counter, type Family, MetricsRegistry, perRegistry } from '@canopus/base'
import type { Level } from './event.ts'

export class AuditMetrics {
  readonly events: Counter
  readonly rejected: Counter
  readonly #errors: Family<Counter>
  readonly #levels: Family<Counter>

  constructor(registry: MetricsRegistry = new MetricsRegistry()) {
    const counter = (name: string, help: string, labels?: string[]): Family<Counter> =>
      registry.counter(`apiserver_audit_${name}`, `[ALPHA] ${help}`, labels)
    this.events = counter('event_total', 'Counter of audit events generated and sent to the audit backend.').with()
    this.#errors = counter(
      'error_total',
      'Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
      ['plugin'],
    )
    this.#levels = counter('level_total', 'Counter of policy levels for audit events (1 per request).', ['level'])
    const help = 'Counter of apiserver requests rejected due to an error in audit logging backend.'
    this.rejected = counter('requests_rejected_total', help).with()
  }

  level(level: Level): void {
    this.#levels.with(level).add()
  }

  /** Events were lost by a backend: `log`, `webhook` or `buffered`. */
  lost(plugin: string, count: number): void {
    this.#errors.with(plugin).add(count)
  }
}

/** There are some whether or not anything is audited. */
export const auditMetrics = perRegistry(registry => new AuditMetrics(registry))
