import type { Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { formatIp, isIp, isIpv4 } from '@canopus/apimachinery'

/** What the records are made of: read-only views of Services and EndpointSlices. */
export interface ClusterView {
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  namespaceExists(namespace: string): boolean
  /** The service with this cluster address, for reverse look-ups. */
  serviceByAddress(address: string): Service | undefined
  /** Slices with an endpoint of this address, for reverse look-ups. */
  slicesByAddress(address: string): readonly EndpointSlice[]
}

export type DnsRecord =
  | { type: 'A' | 'AAAA'; name: string; address: string }
  | { type: 'SRV'; name: string; port: number; target: string; targets: number }
  | { type: 'CNAME' | 'PTR' | 'NS'; name: string; target: string }
  | { type: 'TXT'; name: string; text: string }
  | { type: 'SOA'; name: string }

/** `records` may be empty: then the name exists without records of that type. */
export type Resolution =
  | { outcome: 'answer'; records: readonly DnsRecord[] }
  | { outcome: 'no-such-name' }
  | { outcome: 'not-ours' }

export type QueryType = 'A' | 'AAAA' | 'SRV' | 'PTR' | 'CNAME' | 'TXT' | 'ANY' | (string & {})

const NO_SUCH_NAME: Resolution = { outcome: 'no-such-name' }
const answer = (records: readonly DnsRecord[]): Resolution => ({ outcome: 'answer', records })

/** One address behind a service, under the name that its records carry. */
interface Host {
  label: string
  address: string
  family: 'A' | 'AAAA'
  ports: { name: string; protocol: string; port: number }[]
}

/**
 * Answers a question about the cluster's zone by the Kubernetes DNS specification 1.1.0. Names come in lower case without the
 * final dot; `not-ours` means that somebody else is to be asked.
 */
export function resolve(view: ClusterView, domain: string, name: string, type: QueryType): Resolution {
  if (name.endsWith('.in-addr.arpa') || name.endsWith('.ip6.arpa')) return reverse(view, domain, name, type)
  if (name !== domain && !name.endsWith(`.${domain}`)) return { outcome: 'not-ours' }
  const labels = name === domain ? [] : name.slice(0, -domain.length - 1).split('.')
  const zone = labels.at(-1)
  if (labels.length === 0) return answer(zoneRecords(domain, type))
  if (name === nameServerOf(domain)) return answer(addresses(name, clusterHosts(view.service(...DNS_SERVICE)), type))
  if (labels.length === 1 && zone === 'dns-version')
    return answer(wants(type, 'TXT') ? [{ type: 'TXT', name, text: '1.1.0' }] : [])
  if (zone === 'svc') return serviceName(view, domain, name, labels.slice(0, -1), type)
  if (zone === 'pod') return podName(view, name, labels.slice(0, -1), type)
  return NO_SUCH_NAME
}

/** Where the zone's name server is found: the service that pods ask. */
const DNS_SERVICE = ['kube-system', 'kube-dns'] as const

export const nameServerOf = (domain: string): string => `ns.dns.${domain}`

function zoneRecords(domain: string, type: QueryType): DnsRecord[] {
  return [
    ...(wants(type, 'SOA') ? [{ type: 'SOA' as const, name: domain }] : []),
    ...(wants(type, 'NS') ? [{ type: 'NS' as const, name: domain, target: nameServerOf(domain) }] : []),
  ]
}

const wants = (asked: QueryType, type: string): boolean => asked === type || asked === 'ANY'

function serviceName(
  view: ClusterView,
  domain: string,
  name: string,
  labels: readonly string[],
  type: QueryType,
): Resolution {
  const namespace = labels.at(-1)
  const serviceLabel = labels.at(-2)
  if (namespace === undefined) return answer([])
  if (serviceLabel === undefined) return view.namespaceExists(namespace) ? answer([]) : NO_SUCH_NAME
  const service = view.service(namespace, serviceLabel)
  if (!service) return NO_SUCH_NAME
  const rest = labels.slice(0, -2)
  const base = `${serviceLabel}.${namespace}.svc.${domain}`
  if (service.spec.type === 'ExternalName')
    return rest.length === 0 ? answer([{ type: 'CNAME', name, target: service.spec.externalName ?? '' }]) : NO_SUCH_NAME
  const hosts = isHeadless(service) ? headlessHosts(view.slices(namespace, serviceLabel)) : clusterHosts(service)
  if (rest.length === 0) return hosts.length === 0 ? NO_SUCH_NAME : answer(addresses(name, hosts, type))
  if (rest.length === 1) return hostRecords(name, hosts, rest[0]!, isHeadless(service), type)
  if (rest.length === 2 && rest[0]!.startsWith('_') && rest[1]!.startsWith('_'))
    return srvRecords(
      name,
      base,
      hosts,
      { port: rest[0]!.slice(1), protocol: rest[1]!.slice(1) },
      isHeadless(service),
      type,
    )
  return NO_SUCH_NAME
}

const isHeadless = (service: Service): boolean => service.spec.clusterIP === 'None'

function clusterHosts(service: Service | undefined): Host[] {
  if (!service) return []
  const ports = (service.spec.ports ?? []).map(port => ({
    name: port.name ?? '',
    protocol: (port.protocol ?? 'TCP').toLowerCase(),
    port: port.port,
  }))
  return (service.spec.clusterIPs ?? [service.spec.clusterIP ?? ''])
    .filter(Boolean)
    .map(address => ({ label: '', address, family: familyOf(address), ports }))
}

function headlessHosts(slices: readonly EndpointSlice[]): Host[] {
  return slices.flatMap(slice => {
    const ports = (slice.ports ?? []).flatMap(port =>
      port.port === undefined
        ? []
        : [{ name: port.name ?? '', protocol: (port.protocol ?? 'TCP').toLowerCase(), port: port.port }],
    )
    return (slice.endpoints ?? []).flatMap(endpoint => {
      const address = endpoint.addresses?.[0]
      if (endpoint.conditions?.ready === false || address === undefined) return []
      return [
        {
          label: endpointLabel(endpoint.hostname, address),
          address,
          family: familyOf(address),
          ports,
        },
      ]
    })
  })
}

const familyOf = (address: string): 'A' | 'AAAA' => (address.includes(':') ? 'AAAA' : 'A')

function addresses(name: string, hosts: readonly Host[], type: QueryType): DnsRecord[] {
  const seen = new Set<string>()
  return hosts.flatMap(host => {
    if (!wants(type, host.family) || seen.has(host.address)) return []
    seen.add(host.address)
    return [{ type: host.family, name, address: host.address }]
  })
}

function hostRecords(
  name: string,
  hosts: readonly Host[],
  label: string,
  headless: boolean,
  type: QueryType,
): Resolution {
  const own = headless ? hosts.filter(host => host.label === label) : []
  return own.length === 0 ? NO_SUCH_NAME : answer(addresses(name, own, type))
}

function srvRecords(
  name: string,
  base: string,
  hosts: readonly Host[],
  wanted: { port: string; protocol: string },
  headless: boolean,
  type: QueryType,
): Resolution {
  const found = hosts.flatMap(host =>
    host.ports
      .filter(port => port.name !== '' && port.name === wanted.port && port.protocol === wanted.protocol)
      .map(port => ({ port: port.port, target: headless ? `${host.label}.${base}` : base })),
  )
  if (found.length === 0) return NO_SUCH_NAME
  if (!wants(type, 'SRV')) return answer([])
  const unique = [...new Map(found.map(each => [`${each.target}:${each.port}`, each])).values()]
  return answer(unique.map(each => ({ type: 'SRV', name, ...each, targets: unique.length })))
}

/** `1-2-3-4.<namespace>.pod` or `2001-db8--1.<namespace>.pod`: the address is in the name. */
function podName(view: ClusterView, name: string, labels: readonly string[], type: QueryType): Resolution {
  const [label, namespace] = labels
  if (labels.length === 1) return view.namespaceExists(labels[0]!) ? answer([]) : NO_SUCH_NAME
  if (labels.length !== 2 || !view.namespaceExists(namespace!)) return NO_SUCH_NAME
  const address = [label!.replaceAll('-', '.'), label!.replaceAll('-', ':')].find(isIp)
  if (address === undefined) return NO_SUCH_NAME
  const family = familyOf(address)
  return answer(wants(type, family) ? [{ type: family, name, address }] : [])
}

const endpointLabel = (hostname: string | undefined, address: string): string =>
  (hostname || address.replaceAll(/[.:]/g, '-')).toLowerCase()

/** Endpoints without a hostname have names made of their addresses there, too (CoreDNS plugin/kubernetes/reverse.go). */
function reverse(view: ClusterView, domain: string, name: string, type: QueryType): Resolution {
  const address = addressOfReverseName(name)
  if (address === undefined) return { outcome: 'not-ours' }
  const service = view.serviceByAddress(address)
  const targets = service
    ? [`${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`]
    : view.slicesByAddress(address).flatMap(slice => reverseTargets(slice, address, domain))
  if (targets.length === 0) return { outcome: 'not-ours' }
  return answer(wants(type, 'PTR') ? [...new Set(targets)].map(target => ({ type: 'PTR', name, target })) : [])
}

function reverseTargets(slice: EndpointSlice, address: string, domain: string): string[] {
  const service = slice.metadata.labels?.['kubernetes.io/service-name']
  if (service === undefined) return []
  return (slice.endpoints ?? [])
    .filter(endpoint => endpoint.addresses?.includes(address) && endpoint.conditions?.ready !== false)
    .map(
      endpoint => `${endpointLabel(endpoint.hostname, address)}.${service}.${slice.metadata.namespace}.svc.${domain}`,
    )
}

/** The address that a name for reverse look-ups stands for: octets of IPv4, digits of IPv6 (RFC 3596), the last one first. */
function addressOfReverseName(name: string): string | undefined {
  const labels = name.split('.').slice(0, -2).reverse()
  if (name.endsWith('.in-addr.arpa')) return isIpv4(labels.join('.')) ? labels.join('.') : undefined
  if (labels.length !== 32 || !labels.every(label => /^[0-9a-f]$/.test(label))) return undefined
  const digits = labels.join('')
  return formatIp(Array.from({ length: 16 }, (_, index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16)))
}
