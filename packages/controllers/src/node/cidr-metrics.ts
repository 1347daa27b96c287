import { type Counter, exponentialBuckets, type Histogram, type MetricsRegistry, perRegistry } from '@canopus/base'

const LABELS = ['clusterCIDR']
const families = perRegistry((registry: MetricsRegistry) => ({
  allocations: registry.counter(
    'node_ipam_controller_cidrset_cidrs_allocations_total',
    '[ALPHA] Counter measuring total number of CIDR allocations.',
    LABELS,
  ),
  releases: registry.counter(
    'node_ipam_controller_cidrset_cidrs_releases_total',
    '[ALPHA] Counter measuring total number of CIDR releases.',
    LABELS,
  ),
  // Name and help as upstream has them, its slips too.
  most: registry.gauge(
    'node_ipam_controller_cirdset_max_cidrs',
    '[ALPHA] Maximum number of CIDRs that can be allocated.',
    LABELS,
  ),
  usage: registry.gauge(
    'node_ipam_controller_cidrset_usage_cidrs',
    '[ALPHA] Gauge measuring percentage of allocated CIDRs.',
    LABELS,
  ),
  tries: registry.histogram(
    'node_ipam_controller_cidrset_allocation_tries_per_request',
    '[ALPHA] Number of endpoints added on each Service sync',
    LABELS,
    exponentialBuckets(1, 5, 5),
  ),
}))

/** What is told of one range that nodes get theirs from (kubernetes pkg/controller/nodeipam/ipam/cidrset/metrics.go). */
export class CidrMetrics {
  readonly #most: number
  readonly #allocations: Counter
  readonly #releases: Counter
  readonly #usage: Counter
  readonly #tries: Histogram

  constructor(registry: MetricsRegistry, range: string, most: number) {
    const of = families(registry)
    this.#most = most
    this.#allocations = of.allocations.with(range)
    this.#releases = of.releases.with(range)
    this.#usage = of.usage.with(range)
    this.#tries = of.tries.with(range)
    of.most.with(range).set(most)
  }

  /** One more is taken, `used` in all; found behind so many that were taken already, where it was looked for. */
  allocated(used: number, tried?: number): void {
    this.#allocations.add()
    if (tried !== undefined) this.#tries.observe(tried)
    this.#usage.set(used / this.#most)
  }

  released(used: number): void {
    this.#releases.add()
    this.#usage.set(used / this.#most)
  }
}
