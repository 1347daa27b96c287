import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ingress, NetworkPolicy } from '../../generated/networking.v1.ts'
import { created, testCreate } from '../../testing/validation-table.ts'
import { checkAddressName } from './address-validation.ts'
import { IngressKind } from './ingress.ts'
import { NetworkPolicyKind } from './networkpolicy.ts'

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
    errors: ['spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified'],
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
    errors: ['spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`'],
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
