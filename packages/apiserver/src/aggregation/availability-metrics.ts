/** Which APIServices cannot be reached (k8s.io/kube-aggregator/pkg/controllers/status/metrics). */
import { APIServices } from '@canopus/api'
import { isConditionTrue } from '@canopus/apimachinery'
import type { Counter, Family, MetricsRegistry, Sample } from '@canopus/base'
import type { ObjectReader } from '../security.ts'

export class AvailabilityMetrics {
  readonly #lost: Family<Counter>

  constructor(registry: MetricsRegistry, objects: ObjectReader) {
    registry.collect(
      'gauge',
      'aggregator_unavailable_apiservice',
      '[ALPHA] Gauge of APIServices which are marked as unavailable broken down by APIService name.',
      ['name'],
      () =>
        objects
          .list(APIServices)
          .map(
            ({ metadata, status }): Sample => [
              [metadata.name ?? ''],
              isConditionTrue(status?.conditions, 'Available') ? 0 : 1,
            ],
          ),
    )
    this.#lost = registry.counter(
      'aggregator_unavailable_apiservice_total',
      '[ALPHA] Counter of APIServices which are marked as unavailable broken down by APIService name and reason.',
      ['name', 'reason'],
    )
  }

  /** One could be reached before, or nothing was known of it, and cannot be reached now. */
  lost(name: string, reason: string): void {
    this.#lost.with(name, reason).add()
  }
}
