/** What the node life cycle tells of its nodes and zones (kubernetes pkg/controller/nodelifecycle/metrics.go). */
import {
  type Counter,
  exponentialBuckets,
  type Family,
  type Histogram,
  type MetricsRegistry,
  perRegistry,
} from '@canopus/base'
import type { ZoneCount } from './disruption.ts'

export class NodeMetrics {
  readonly #size: Family<Counter>
  readonly #health: Family<Counter>
  readonly #unhealthy: Family<Counter>
  readonly #evictions: Family<Counter>
  readonly #nodeDuration: Histogram
  readonly #roundDuration: Histogram

  constructor(registry: MetricsRegistry) {
    const gauge = (name: string, help: string): Family<Counter> =>
      registry.gauge(`node_collector_${name}`, `[ALPHA] ${help}`, ['zone'])
    this.#size = gauge('zone_size', 'Gauge measuring number of registered Nodes per zones.')
    this.#health = gauge('zone_health', 'Gauge measuring percentage of healthy nodes per zone.')
    this.#unhealthy = gauge('unhealthy_nodes_in_zone', 'Gauge measuring number of not Ready Nodes per zones.')
    this.#evictions = registry.counter(
      'node_collector_evictions_total',
      '[STABLE] Number of Node evictions that happened since current instance of NodeController started.',
      ['zone'],
    )
    const duration = (name: string, help: string, from: number): Histogram =>
      registry
        .histogram(
          `node_collector_${name}`,
          `[ALPHA] Duration in seconds for NodeController to update the ${help}`,
          [],
          exponentialBuckets(from, 4, 8),
        )
        .with()
    this.#nodeDuration = duration('update_node_health_duration_seconds', 'health of a single node.', 0.001)
    this.#roundDuration = duration('update_all_nodes_health_duration_seconds', 'health of all nodes.', 0.01)
  }

  /** A node was looked at, for so many milliseconds. */
  looked(milliseconds: number): void {
    this.#nodeDuration.observe(milliseconds / 1000)
  }

  /** All nodes were, as a round finds them. */
  wentRound(milliseconds: number): void {
    this.#roundDuration.observe(milliseconds / 1000)
  }

  /** A zone that was not there before. */
  zoneCame(zone: string): void {
    this.#evictions.with(zone).add(0)
  }

  /** A zone as its round found it; one without nodes is well. */
  zone(zone: string, { ready, notReady }: ZoneCount): void {
    const size = ready + notReady
    this.#size.with(zone).set(size)
    this.#health.with(zone).set(size === 0 ? 100 : (100 * ready) / size)
    this.#unhealthy.with(zone).set(notReady)
  }

  /** A node of the zone was marked for eviction. */
  evicted(zone: string): void {
    this.#evictions.with(zone).add()
  }
}

/** The figures in a registry. */
export const nodeMetrics = perRegistry(registry => new NodeMetrics(registry))
