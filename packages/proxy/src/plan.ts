import type { Service, ServicePort } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { type Backend, backendsOf, hasVirtualAddress, protocolOf } from './endpoints.ts'

export interface PlanContext {
  nodeName: string
}

/** One map or set element; elements with the same container and key are the same. */
export interface Element {
  container: 'svc' | 'np' | 'eps' | 'npeps' | 'hairpin' | 'noeps' | 'npnoeps' | 'guarded' | 'admitted'
  key: string
  value?: string
}

/** Everything that one service contributes to the table. */
export interface ServicePlan {
  elements: readonly Element[]
  /** Chains it jumps to, made on demand and shared by all services: see `sharedChain` in table.ts. */
  chains: readonly string[]
  /** Whether sessions stick to an endpoint: then a change of endpoints must forget them. */
  affinity: boolean
  /** `address . port` pairs of UDP: flows to them must be forgotten when the endpoints change. */
  udp: readonly string[]
}

const EMPTY: ServicePlan = { elements: [], chains: [], affinity: false, udp: [] }

/**
 * What a service needs in the node's table: for every port a verdict by endpoint count, and one element per endpoint.
 * Rules of upstream's kube-proxy (pkg/proxy/nftables, KEP-3866), laid out as few big maps.
 */
export function planService(service: Service, slices: readonly EndpointSlice[], context: PlanContext): ServicePlan {
  if (!hasVirtualAddress(service)) return EMPTY
  const builder = new Builder(service)
  for (const port of service.spec.ports ?? [])
    planPort(builder, service, port, backendsOf(port, slices, context.nodeName))
  return builder.plan()
}

function planPort(builder: Builder, service: Service, port: ServicePort, all: readonly Backend[]): void {
  const spec = service.spec
  const local = all.filter(backend => backend.local)
  const internal = spec.internalTrafficPolicy === 'Local' ? local : all
  const external = spec.externalTrafficPolicy === 'Local' ? local : all
  for (const address of clusterAddresses(service)) builder.address(address, port, internal, 'cluster', all.length > 0)
  for (const address of externalAddresses(service))
    builder.address(
      address,
      port,
      external,
      spec.externalTrafficPolicy === 'Local' ? 'cluster' : 'external',
      all.length > 0,
    )
  const ranges = sourceRanges(service)
  if (ranges !== undefined) for (const address of balancerAddresses(service)) builder.guard(address, port, ranges)
  if (port.nodePort) builder.nodePort(port, external, spec.externalTrafficPolicy !== 'Local', all.length > 0)
}

function clusterAddresses(service: Service): string[] {
  const addresses = service.spec.clusterIPs ?? [service.spec.clusterIP!]
  return addresses.filter(address => !address.includes(':'))
}

function externalAddresses(service: Service): string[] {
  const all = [...(service.spec.externalIPs ?? []), ...balancerAddresses(service)]
  return [...new Set(all)].filter(address => !address.includes(':'))
}

/** Addresses of the service's load balancer at which the nodes themselves answer. */
function balancerAddresses(service: Service): string[] {
  const ingress = service.status?.loadBalancer?.ingress ?? []
  return ingress.flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' && !ip.includes(':') ? [ip] : []))
}

/** Who may reach the service's load balancer; nothing where everybody may. */
function sourceRanges({ spec }: Service): string[] | undefined {
  if (spec.type !== 'LoadBalancer' || (spec.loadBalancerSourceRanges ?? []).length === 0) return undefined
  const ranges = spec.loadBalancerSourceRanges!.map(each => each.trim()).filter(each => !each.includes(':'))
  return ranges.some(each => each.endsWith('/0')) ? undefined : withoutContained(ranges)
}

/** The kernel refuses ranges that overlap; one of two such contains the other. */
function withoutContained(ranges: readonly string[]): string[] {
  const parsed = ranges.map(text => {
    const [address = '', length = '32'] = text.split('/')
    const bits = Number(length)
    const number = address.split('.').reduce((value, part) => value * 256 + Number(part), 0)
    const size = 2 ** (32 - bits)
    const first = Math.floor(number / size) * size
    return { text, first, last: first + size - 1 }
  })
  return parsed
    .filter(
      (each, index) =>
        !parsed.some(
          (other, at) =>
            at !== index &&
            other.first <= each.first &&
            other.last >= each.last &&
            (other.first < each.first || other.last > each.last || at < index),
        ),
    )
    .map(each => each.text)
}

class Builder {
  private readonly elements: Element[] = []
  private readonly chains = new Set<string>()
  private readonly udp: string[] = []
  private readonly affinitySeconds: number

  constructor(service: Service) {
    const timeout = service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10800
    this.affinitySeconds = service.spec.sessionAffinity === 'ClientIP' ? timeout : 0
  }

  /** A virtual address; `masquerade` is `external` where answers must come back through this node. */
  address(
    address: string,
    port: ServicePort,
    backends: readonly Backend[],
    masquerade: 'cluster' | 'external',
    elsewhere: boolean,
  ): void {
    const protocol = protocolOf(port).toLowerCase()
    const key = `${address} . ${protocol} . ${port.port}`
    if (protocol === 'udp') this.udp.push(address)
    if (backends.length === 0) {
      this.elements.push({ container: 'noeps', key, value: elsewhere ? 'drop' : 'goto rejects' })
      return
    }
    this.elements.push({
      container: 'svc',
      key,
      value: `goto ${this.chain(masquerade === 'external' ? 'm' : 'n', backends.length)}`,
    })
    this.spread('eps', key, backends)
  }

  /** Lets only these ranges reach an address. */
  guard(address: string, port: ServicePort, ranges: readonly string[]): void {
    const key = `${address} . ${protocolOf(port).toLowerCase()} . ${port.port}`
    this.elements.push({ container: 'guarded', key })
    for (const range of ranges) this.elements.push({ container: 'admitted', key: `${key} . ${range}` })
  }

  nodePort(port: ServicePort, backends: readonly Backend[], masquerade: boolean, elsewhere: boolean): void {
    const protocol = protocolOf(port).toLowerCase()
    const key = `${protocol} . ${port.nodePort}`
    if (backends.length === 0) {
      this.elements.push({ container: 'npnoeps', key, value: elsewhere ? 'drop' : 'goto rejects' })
      return
    }
    this.elements.push({ container: 'np', key, value: `goto ${this.chain(masquerade ? 'p' : 'q', backends.length)}` })
    this.spread('npeps', key, backends)
  }

  private chain(kind: string, count: number): string {
    const name = this.affinitySeconds > 0 ? `${kind}${count}s${this.affinitySeconds}` : `${kind}${count}`
    this.chains.add(name)
    return name
  }

  private spread(container: 'eps' | 'npeps', key: string, backends: readonly Backend[]): void {
    backends.forEach((backend, index) => {
      this.elements.push({ container, key: `${key} . ${index}`, value: `${backend.ip} . ${backend.port}` })
      if (backend.local) this.elements.push({ container: 'hairpin', key: `${backend.ip} . ${backend.ip}` })
    })
  }

  plan(): ServicePlan {
    return {
      elements: this.elements,
      chains: [...this.chains],
      affinity: this.affinitySeconds > 0,
      udp: [...new Set(this.udp)],
    }
  }
}
