import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '@canopus/api/core/v1'
import { buildPod } from '../testing/builders.ts'
import { type DnsConfig, parseResolvConf, podDns } from './dns.ts'
import { kernelHostname, podHostname } from './hostname.ts'
import { hostNetworkHostsFile, hostsFile } from './hosts-file.ts'

const host: DnsConfig = { servers: ['9.9.9.9'], searches: ['home.lan'], options: ['timeout:2'] }
const cluster = { clusterIps: ['10.96.0.10'], domain: 'cluster.local' }
const clusterSearches = ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'home.lan']

const dns: [string, Partial<PodSpec>, DnsConfig][] = [
  ['ClusterFirst is the default', {}, { servers: ['10.96.0.10'], searches: clusterSearches, options: ['ndots:5'] }],
  ['Default is the node’s', { dnsPolicy: 'Default' }, host],
  ['ClusterFirst on the host network is the node’s', { hostNetwork: true }, host],
  [
    'ClusterFirstWithHostNet',
    { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
    { servers: ['10.96.0.10'], searches: clusterSearches, options: ['ndots:5'] },
  ],
  [
    'None takes only what is given',
    {
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['1.1.1.1'],
        searches: ['a.b'],
        options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
      },
    },
    { servers: ['1.1.1.1'], searches: ['a.b'], options: ['ndots:2', 'edns0'] },
  ],
  [
    'dnsConfig adds and overrides',
    {
      dnsConfig: {
        nameservers: ['1.1.1.1'],
        searches: ['cluster.local', 'x'],
        options: [{ name: 'ndots', value: '1' }],
      },
    },
    { servers: ['10.96.0.10', '1.1.1.1'], searches: [...clusterSearches, 'x'], options: ['ndots:1'] },
  ],
]
for (const [name, spec, expected] of dns)
  test(`dns: ${name}`, () => assert.deepEqual(podDns(buildPod(spec), host, cluster), expected))

test('resolv.conf is read with its comments and its repeated lines', () => {
  const text =
    '# me\nnameserver 1.1.1.1\nnameserver fe80::1 ; two\nsearch a.lan b.lan.\nsearch c.lan\noptions ndots:3 rotate\n'
  assert.deepEqual(parseResolvConf(text), {
    servers: ['1.1.1.1', 'fe80::1'],
    searches: ['c.lan'],
    options: ['ndots:3', 'rotate'],
  })
})

test('host names', () => {
  assert.deepEqual(podHostname(buildPod(), 'cluster.local'), { hostname: 'web', domain: '' })
  const named = buildPod({ hostname: 'h', subdomain: 'sub' })
  assert.deepEqual(podHostname(named, 'cluster.local'), { hostname: 'h', domain: 'sub.default.svc.cluster.local' })
  assert.equal(kernelHostname(named, 'cluster.local'), 'h')
  assert.equal(
    kernelHostname(buildPod({ hostname: 'h', subdomain: 'sub', setHostnameAsFQDN: true }), 'c.l'),
    'h.sub.default.svc.c.l',
  )
  const long = `${'a'.repeat(62)}-bcd`
  assert.equal(podHostname(buildPod({}, { name: long }), 'c.l').hostname, 'a'.repeat(62))
})

test('/etc/hosts', () => {
  const text = hostsFile(['10.0.0.5'], 'h', 'sub.default.svc.c.l', [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }])
  assert.ok(text.startsWith('# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n'))
  assert.ok(text.endsWith('10.0.0.5\th.sub.default.svc.c.l\th\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n'))
  assert.equal(
    hostNetworkHostsFile('127.0.0.1 me\n'),
    '# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n',
  )
})
