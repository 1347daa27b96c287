/** What is told of endpoint slices (k8s.io/endpointslice/metrics, kubernetes pkg/controller/endpointslicemirroring/metrics). */
import type { Service } from '@canopus/api/core/v1'
import {
  type Counter,
  DEFAULT_BUCKETS,
  exponentialBuckets,
  type Family,
  type Histogram,
  type MetricsRegistry,
  perRegistry,
  tally,
} from '@canopus/base'
import type { FamilyCounts } from './plan-slices.ts'
import { hasTopologyMode } from './topology-hints.ts'

const BOUNDS = exponentialBuckets(2, 2, 15)

interface Known {
  readonly families: readonly FamilyCounts[]
  readonly distribution: string | undefined
}

/** What both controllers tell of the slices that they keep. */
class SliceMetrics {
  readonly added: Histogram
  readonly removed: Histogram
  readonly changes: Family<Counter>
  /** What became of each service, by its key. */
  readonly known = new Map<string, Known>()

  constructor(registry: MetricsRegistry, subsystem: string, level: string, of: string) {
    const perSync = (what: string): Histogram =>
      registry
        .histogram(
          `${subsystem}_endpoints_${what}_per_sync`,
          `${level} Number of endpoints ${what} on each ${of} sync`,
          [],
          BOUNDS,
        )
        .with()
    this.added = perSync('added')
    this.removed = perSync('removed')
    this.changes = registry.counter(`${subsystem}_changes`, '[ALPHA] Number of EndpointSlice changes', ['operation'])
    const gauge = (name: string, help: string, field: keyof FamilyCounts): void =>
      registry.collect('gauge', `${subsystem}_${name}`, `${level} ${help}`, [], () => [[[], this.#sum(field)]])
    gauge('endpoints_desired', 'Number of endpoints desired', 'endpoints')
    gauge('num_endpoint_slices', 'Number of EndpointSlices', 'slices')
    const needed = 'Number of EndpointSlices that would exist with perfect endpoint allocation'
    gauge('desired_endpoint_slices', needed, 'neededSlices')
  }

  #sum(field: keyof FamilyCounts): number {
    let sum = 0
    for (const { families } of this.known.values()) for (const counts of families) sum += counts[field]
    return sum
  }

  /** One slice was written. */
  changed(operation: 'create' | 'update' | 'delete'): void {
    this.changes.with(operation).add()
  }

  forget(key: string): void {
    this.known.delete(key)
  }
}

export class ServiceSliceMetrics extends SliceMetrics {
  readonly #changedSlices: Family<Histogram>
  readonly #syncs: Family<Counter>

  constructor(registry: MetricsRegistry) {
    const subsystem = 'endpoint_slice_controller'
    super(registry, subsystem, '[BETA]', 'Service')
    this.#changedSlices = registry.histogram(
      `${subsystem}_endpointslices_changed_per_sync`,
      '[ALPHA] Number of EndpointSlices changed on each Service sync',
      ['topology', 'traffic_distribution'],
      DEFAULT_BUCKETS,
    )
    this.#syncs = registry.counter(`${subsystem}_syncs`, '[ALPHA] Number of EndpointSlice syncs', ['result'])
    registry.collect(
      'gauge',
      `${subsystem}_services_count_by_traffic_distribution`,
      '[BETA] Number of Services using some specific trafficDistribution',
      ['traffic_distribution'],
      () => {
        const named = [...this.known.values()].flatMap(({ distribution }) => distribution ?? [])
        return tally(named, distribution => [distribution])
      },
    )
  }

  planned(key: string, service: Service, families: readonly FamilyCounts[]): void {
    this.known.set(key, {
      families,
      distribution: hasTopologyMode(service) ? undefined : service.spec?.trafficDistribution,
    })
    for (const { added, removed } of families) {
      this.added.observe(added)
      this.removed.observe(removed)
    }
  }

  written(service: Service, families: readonly FamilyCounts[]): void {
    const labels = hasTopologyMode(service) ? ['Auto', ''] : ['Disabled', service.spec?.trafficDistribution ?? '']
    for (const { changedSlices } of families) this.#changedSlices.with(...labels).observe(changedSlices)
  }

  synced(result: 'success' | 'error'): void {
    this.#syncs.with(result).add()
  }
}

export class MirroringMetrics extends SliceMetrics {
  readonly #updated: Histogram
  readonly #skipped: Histogram
  readonly #duration: Histogram

  constructor(registry: MetricsRegistry) {
    const subsystem = 'endpoint_slice_mirroring_controller'
    super(registry, subsystem, '[ALPHA]', 'Endpoints')
    const histogram = (name: string, help: string, bounds: readonly number[]): Histogram =>
      registry.histogram(`${subsystem}_${name}`, `[ALPHA] ${help}`, [], bounds).with()
    const updated = 'Number of endpoints updated on each Endpoints sync'
    this.#updated = histogram('endpoints_updated_per_sync', updated, BOUNDS)
    const skipped =
      'Number of addresses skipped on each Endpoints sync due to being invalid or exceeding MaxEndpointsPerSubset'
    this.#skipped = histogram('addresses_skipped_per_sync', skipped, BOUNDS)
    const duration = 'Duration of syncEndpoints() in seconds'
    this.#duration = histogram('endpoints_sync_duration', duration, exponentialBuckets(0.001, 2, 15))
  }

  /** All families of an object count as one. */
  planned(key: string, families: readonly FamilyCounts[], updated: number, skipped: number): void {
    this.known.set(key, { families, distribution: undefined })
    this.added.observe(families.reduce((sum, { added }) => sum + added, 0))
    this.removed.observe(families.reduce((sum, { removed }) => sum + removed, 0))
    this.#updated.observe(updated)
    this.#skipped.observe(skipped)
  }

  synced(milliseconds: number): void {
    this.#duration.observe(milliseconds / 1000)
  }
}

/** The figures in a registry. */
export const serviceSliceMetrics = perRegistry(registry => new ServiceSliceMetrics(registry))
export const mirroringMetrics = perRegistry(registry => new MirroringMetrics(registry))
