/** Addresses and ports of services, and what they were given out of (pkg/registry/core/service/ipallocator, portallocator: metrics.go). */
import { DEFAULT_BUCKETS, type MetricsRegistry, type Sample } from '@canopus/base'
import type { ServiceAllocators } from '../allocators/services.ts'

/** Asked for by name, or any. */
export type AllocationScope = 'dynamic' | 'static'

export interface AllocatorFigures {
  /** An address of a range was given out, within so many seconds. */
  address(cidr: string, scope: AllocationScope, seconds: number): void
  port(scope: AllocationScope): void
  /** A service could not be given what it asked for. */
  noAddress(cidr: string, scope: AllocationScope): void
  noPort(scope: AllocationScope): void
  /** The store's own record of ports could not be kept. */
  notRepaired(): void
}

export function allocatorMetrics(registry: MetricsRegistry, allocators: ServiceAllocators): AllocatorFigures {
  const addresses = (name: string): string => `kube_apiserver_clusterip_allocator_${name}`
  const ports = (name: string): string => `kube_apiserver_nodeport_allocator_${name}`
  const gauge = (name: string, help: string, labels: string[], samples: () => Iterable<Sample>): void =>
    registry.collect('gauge', name, `[ALPHA] Gauge measuring the number of ${help} for Services`, labels, samples)
  const ofRanges = (key: 'available' | 'taken') => () =>
    allocators.ranges.map(({ cidr, ...counts }): Sample => [[cidr], counts[key]])
  gauge(addresses('allocated_ips'), 'allocated IPs', ['cidr'], ofRanges('taken'))
  gauge(addresses('available_ips'), 'available IPs', ['cidr'], ofRanges('available'))
  gauge(ports('allocated_ports'), 'allocated NodePorts', [], () => [[[], allocators.ports.taken]])
  gauge(ports('available_ports'), 'available NodePorts', [], () => [[[], allocators.ports.available]])
  const counter = (name: string, help: string, labels: string[]) => registry.counter(name, `[ALPHA] ${help}`, labels)
  const given = counter(addresses('allocation_total'), 'Number of Cluster IPs allocations', ['cidr', 'scope'])
  const refused = counter(addresses('allocation_errors_total'), 'Number of errors trying to allocate Cluster IPs', [
    'cidr',
    'scope',
  ])
  const took = registry.histogram(
    addresses('allocation_duration_seconds'),
    '[ALPHA] Duration in seconds to allocate a Cluster IP by ServiceCIDR',
    ['cidr'],
    DEFAULT_BUCKETS,
  )
  const givenPorts = counter(ports('allocation_total'), 'Number of NodePort allocations', ['scope'])
  const refusedPorts = counter(ports('allocation_errors_total'), 'Number of errors trying to allocate NodePort', [
    'scope',
  ])
  const failures = counter(
    'apiserver_nodeport_repair_reconcile_errors_total',
    'Number of reconciliation failures on the nodeport repair reconcile loop',
    [],
  ).with()
  return {
    address: (cidr, scope, seconds) => {
      given.with(cidr, scope).add()
      took.with(cidr).observe(seconds)
    },
    port: scope => givenPorts.with(scope).add(),
    noAddress: (cidr, scope) => refused.with(cidr, scope).add(),
    noPort: scope => refusedPorts.with(scope).add(),
    notRepaired: () => failures.add(),
  }
}
