import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from '../../generated/networking.v1.ts'
import { created, testCreate, testUpdate } from '../../testing/validation-table.ts'
import { checkAddressName } from './address-validation.ts'
import { IngressKind } from './ingress.ts'
import { IngressClassKind } from './ingressclass.ts'
import { IPAddressKind } from './ipaddress.ts'
import { NetworkPolicyKind } from './networkpolicy.ts'
import { ServiceCIDRKind } from './servicecidr.ts'

const metadata = { name: 'web', namespace: 'default' }
const backend = { service: { name: 'web', port: { number: 80 } } }
const ingress = {
  metadata,
  spec: { rules: [{ host: 'a.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] },
} as unknown as Ingress

const pathOf = (object: Ingress) => object.spec.rules![0]!.http!.paths[0]!

testCreate(IngressKind, ingress, [
  {
    name: 'nothing to do',
    change: object => {
      object.spec = {}
    },
    errors: ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
  },
  {
    name: 'relative path',
    change: object => {
      pathOf(object).path = 'x'
    },
    errors: ['spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path'],
  },
  {
    name: 'no path type',
    change: object => {
      pathOf(object).pathType = ''
    },
    errors: [
      'spec.rules[0].http.paths[0].pathType: Unsupported value: "": supported values: "Exact", "ImplementationSpecific", "Prefix"',
    ],
  },
  {
    name: 'backend without a port',
    change: object => {
      pathOf(object).backend = { service: { name: 'web' } }
    },
    errors: ['spec.rules[0].http.paths[0].backend: Required value: port name or number is required'],
  },
  {
    name: 'address as a host',
    change: object => {
      object.spec.rules![0]!.host = '10.0.0.1'
    },
    errors: ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
  },
  {
    name: 'class by field and annotation',
    change: object => {
      object.spec.ingressClassName = 'a'
      object.metadata.annotations = { 'kubernetes.io/ingress.class': 'b' }
    },
    errors: [
      'annotations.kubernetes.io/ingress.class: Invalid value: "b": must match `ingressClassName` when both are specified',
    ],
  },
])

const policy = { metadata, spec: { podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] } } as unknown as NetworkPolicy

testCreate(NetworkPolicyKind, policy, [
  {
    name: 'peer that is nobody',
    change: object => {
      object.spec.ingress = [{ from: [{}] }]
    },
    errors: ['spec.ingress[0].from[0]: Required value: must specify a peer'],
  },
  {
    name: 'exception outside the range',
    change: object => {
      object.spec.ingress = [{ from: [{ ipBlock: { cidr: '10.0.0.0/16', except: ['10.1.0.0/24'] } }] }]
    },
    errors: [
      'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.1.0.0/24": must be a strict subset of `cidr`',
    ],
  },
  {
    name: 'range of ports that ends before it begins',
    change: object => {
      object.spec.ingress = [{ ports: [{ port: 80, endPort: 79 }] }]
    },
    errors: ['spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`'],
  },
])

test('NetworkPolicy: types follow the rules', () => {
  assert.deepEqual(created(NetworkPolicyKind, policy).spec.policyTypes, ['Ingress'])
  const both = structuredClone(policy)
  both.spec.egress = [{}]
  assert.deepEqual(created(NetworkPolicyKind, both).spec.policyTypes, ['Ingress', 'Egress'])
})

test('IPAddress: the name is the canonical address', () => {
  assert.deepEqual(checkAddressName('10.0.0.1'), [])
  assert.deepEqual(checkAddressName('2001:DB8::1'), ['must be in canonical form ("2001:db8::1")'])
  assert.equal(checkAddressName('x').length, 1)
})

const ingressClass = { metadata: { name: 'c' }, spec: { controller: 'example.com/c' } } as unknown as IngressClass

testCreate(IngressClassKind, ingressClass, [
  {
    name: 'a path that cannot be in a URL',
    change: object => {
      object.spec!.controller = 'example.com/c d'
    },
    errors: [
      `spec.controller: Invalid value: "c d": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`,
    ],
  },
  {
    name: 'parameters of a namespace that is none',
    change: object => {
      object.spec!.parameters = { kind: 'K', name: 'n', scope: 'Namespace', namespace: '' }
    },
    errors: [
      `spec.parameters.namespace: Invalid value: "": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    ],
  },
])

testUpdate(IngressClassKind, ingressClass, [
  {
    name: 'another controller, that is none',
    change: object => {
      object.spec!.controller = 'x'
    },
    errors: [
      'spec.controller: Invalid value: "x": field is immutable',
      'spec.controller: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
  },
])

const address = { metadata: { name: '10.0.0.1' }, spec: { parentRef: { resource: 'services', name: 'a' } } }

testUpdate(IPAddressKind, address as unknown as IPAddress, [
  {
    name: 'of nobody',
    change: object => {
      object.spec!.parentRef = { resource: 'services', name: '' }
    },
    errors: [
      'spec.parentRef.name: Required value',
      'spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"","Name":""}: field is immutable',
    ],
  },
])

testCreate(ServiceCIDRKind, { metadata: { name: 'a' }, spec: { cidrs: ['fd00::/64'] } } as unknown as ServiceCIDR, [
  {
    name: 'ranges in capitals, and none',
    change: object => {
      object.spec!.cidrs = ['FD00::/64', 'x']
    },
    errors: [
      'spec.cidrs[0]: Invalid value: "FD00::/64": must be in canonical form ("fd00::/64")',
      'spec.cidrs[1]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
  },
])

test('Ingress status: addresses that were there pass', () => {
  const of = (...ips: string[]): Ingress =>
    ({ ...ingress, status: { loadBalancer: { ingress: ips.map(ip => ({ ip, hostname: '1.2.3.4' })) } } }) as Ingress
  const texts = IngressKind.strategy.validateStatusUpdate!(of('010.0.0.1', '::ffff:1.2.3.4'), of('010.0.0.1'))
  assert.deepEqual(texts.map(fieldErrorText), [
    'status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    'status.loadBalancer.ingress[1].ip: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address',
    'status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
  ])
})

test('NetworkPolicy: ranges that were there pass', () => {
  const of = (...cidrs: string[]): NetworkPolicy => ({
    ...policy,
    spec: { podSelector: {}, ingress: [{ from: cidrs.map(cidr => ({ ipBlock: { cidr } })) }] },
  })
  const texts = NetworkPolicyKind.strategy.validateUpdate!(of('010.0.0.0/8', '10.0.0.1/8'), of('010.0.0.0/8'))
  assert.deepEqual(texts.map(fieldErrorText), [
    'spec.ingress[0].from[1].ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
  ])
})
