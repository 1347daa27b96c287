import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Service, ServiceSpec } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { type ClusterView, type Resolution, resolve } from './records.ts'

const meta = (name: string) => ({ name, namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' })
const service = (name: string, spec: Partial<ServiceSpec>): Service => ({ metadata: meta(name), spec: { ...spec } })
const services: Record<string, Service> = {
  web: service('web', {
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }, { port: 81 }],
  }),
  redis: service('redis', { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'redis', port: 6379 }] }),
  empty: service('empty', { clusterIP: 'None' }),
  six: service('six', { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'http', port: 80 }] }),
  both: service('both', { clusterIP: '10.96.0.11', clusterIPs: ['10.96.0.11', 'fd00:96::11'], ports: [{ port: 80 }] }),
  outside: service('outside', { type: 'ExternalName', externalName: 'example.test' }),
}
const redisSlice: EndpointSlice = {
  metadata: { ...meta('redis-1'), labels: { 'kubernetes.io/service-name': 'redis' } },
  addressType: 'IPv4',
  ports: [{ name: 'redis', port: 6379, protocol: 'TCP' }],
  endpoints: [
    { addresses: ['10.244.0.5'], hostname: 'redis-0', conditions: { ready: true } },
    { addresses: ['10.244.0.6'], conditions: { ready: true } },
    { addresses: ['10.244.0.7'], hostname: 'redis-2', conditions: { ready: false } },
  ],
}
const sixSlice: EndpointSlice = {
  metadata: { ...meta('six-1'), labels: { 'kubernetes.io/service-name': 'six' } },
  addressType: 'IPv6',
  ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  endpoints: [
    { addresses: ['2001:db8::5'], hostname: 'six-0', conditions: { ready: true } },
    { addresses: ['2001:db8::6'], conditions: { ready: true } },
  ],
}
const slices = [redisSlice, sixSlice]
const view: ClusterView = {
  service: (namespace, name) => {
    if (namespace === 'default') return services[name]
    const dns = service('kube-dns', { clusterIP: '10.96.0.53', clusterIPs: ['10.96.0.53'] })
    return namespace === 'kube-system' && name === 'kube-dns' ? dns : undefined
  },
  slices: (_, name) => slices.filter(slice => slice.metadata.labels?.['kubernetes.io/service-name'] === name),
  namespaceExists: namespace => namespace === 'default',
  serviceByAddress: address => Object.values(services).find(each => each.spec.clusterIPs?.includes(address)),
  slicesByAddress: address =>
    slices.filter(slice => slice.endpoints!.some(endpoint => endpoint.addresses!.includes(address))),
}

const reverseName = (address: string): string => `${[...address.replaceAll(':', '')].reverse().join('.')}.ip6.arpa`

const text = (resolution: Resolution): string => {
  if (resolution.outcome !== 'answer') return resolution.outcome
  return resolution.records
    .map(record => {
      if ('address' in record) return `${record.type} ${record.address}`
      if (record.type === 'SRV') return `SRV ${record.port} ${record.target}`
      if (record.type === 'SOA') return 'SOA'
      return `${record.type} ${record.type === 'TXT' ? record.text : record.target}`
    })
    .join(', ')
}

describe('resolve', () => {
  const cases: [name: string, type: string, expected: string][] = [
    ['web.default.svc.cluster.local', 'A', 'A 10.96.0.10'],
    ['web.default.svc.cluster.local', 'AAAA', ''],
    ['_http._tcp.web.default.svc.cluster.local', 'SRV', 'SRV 80 web.default.svc.cluster.local'],
    ['_http._udp.web.default.svc.cluster.local', 'SRV', 'no-such-name'],
    ['redis.default.svc.cluster.local', 'A', 'A 10.244.0.5, A 10.244.0.6'],
    ['redis-0.redis.default.svc.cluster.local', 'A', 'A 10.244.0.5'],
    ['redis-2.redis.default.svc.cluster.local', 'A', 'no-such-name'],
    ['10-244-0-6.redis.default.svc.cluster.local', 'A', 'A 10.244.0.6'],
    [
      '_redis._tcp.redis.default.svc.cluster.local',
      'SRV',
      'SRV 6379 redis-0.redis.default.svc.cluster.local, SRV 6379 10-244-0-6.redis.default.svc.cluster.local',
    ],
    ['empty.default.svc.cluster.local', 'A', 'no-such-name'],
    ['outside.default.svc.cluster.local', 'A', 'CNAME example.test'],
    ['none.default.svc.cluster.local', 'A', 'no-such-name'],
    ['default.svc.cluster.local', 'A', ''],
    ['other.svc.cluster.local', 'A', 'no-such-name'],
    ['10-244-0-5.default.pod.cluster.local', 'A', 'A 10.244.0.5'],
    ['10-244-0-5.other.pod.cluster.local', 'A', 'no-such-name'],
    ['300-244-0-5.default.pod.cluster.local', 'A', 'no-such-name'],
    ['2001-db8--5.default.pod.cluster.local', 'AAAA', 'AAAA 2001:db8::5'],
    ['2001-db8--5.default.pod.cluster.local', 'A', ''],
    ['2001-db8--zz.default.pod.cluster.local', 'AAAA', 'no-such-name'],
    ['six.default.svc.cluster.local', 'AAAA', 'AAAA 2001:db8::5, AAAA 2001:db8::6'],
    ['six.default.svc.cluster.local', 'A', ''],
    ['six-0.six.default.svc.cluster.local', 'AAAA', 'AAAA 2001:db8::5'],
    ['2001-db8--6.six.default.svc.cluster.local', 'AAAA', 'AAAA 2001:db8::6'],
    ['both.default.svc.cluster.local', 'A', 'A 10.96.0.11'],
    ['both.default.svc.cluster.local', 'AAAA', 'AAAA fd00:96::11'],
    [
      '_http._tcp.six.default.svc.cluster.local',
      'SRV',
      'SRV 80 six-0.six.default.svc.cluster.local, SRV 80 2001-db8--6.six.default.svc.cluster.local',
    ],
    ['dns-version.cluster.local', 'TXT', 'TXT 1.1.0'],
    ['cluster.local', 'SOA', 'SOA'],
    ['cluster.local', 'NS', 'NS ns.dns.cluster.local'],
    ['cluster.local', 'A', ''],
    ['ns.dns.cluster.local', 'A', 'A 10.96.0.53'],
    ['10.0.96.10.in-addr.arpa', 'PTR', 'PTR web.default.svc.cluster.local'],
    ['5.0.244.10.in-addr.arpa', 'PTR', 'PTR redis-0.redis.default.svc.cluster.local'],
    ['6.0.244.10.in-addr.arpa', 'PTR', 'PTR 10-244-0-6.redis.default.svc.cluster.local'],
    ['7.0.244.10.in-addr.arpa', 'PTR', 'not-ours'],
    [reverseName('2001:0db8:0000:0000:0000:0000:0000:0005'), 'PTR', 'PTR six-0.six.default.svc.cluster.local'],
    [reverseName('fd00:0096:0000:0000:0000:0000:0000:0011'), 'PTR', 'PTR both.default.svc.cluster.local'],
    [reverseName('2001:0db8:0000:0000:0000:0000:0000:0009'), 'PTR', 'not-ours'],
    ['1.ip6.arpa', 'PTR', 'not-ours'],
    ['1.2.0.192.in-addr.arpa', 'PTR', 'not-ours'],
    ['example.test', 'A', 'not-ours'],
  ]
  for (const [name, type, expected] of cases) {
    it(`${name} ${type}`, () => assert.equal(text(resolve(view, 'cluster.local', name, type)), expected))
  }
})
