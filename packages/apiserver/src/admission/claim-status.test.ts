import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ResourceClaims } from '@canopus/api'
import type { AllocatedDeviceStatus, AllocationResult, ResourceClaim } from '@canopus/api/resource/v1'
import { EXTRA, serviceAccountUser } from '../authn/user.ts'
import type { Attributes, User } from '../security.ts'
import { changedDrivers, claimStatusAuthorization, onlyNode } from './claim-status.ts'
import { admit, fakeContext, refusalOf, request } from './testing/request.ts'

type Status = NonNullable<ResourceClaim['status']>

const field = (key: string, operator: string, ...values: string[]) => ({ key, operator, values })
const selecting = (...nodeSelectorTerms: object[]) => ({ nodeSelector: { nodeSelectorTerms } }) as AllocationResult
const onNodes = (...names: string[]) => selecting({ matchFields: [field('metadata.name', 'In', ...names)] })
const device = (driver: string, name: string, more: object = {}): AllocatedDeviceStatus => ({
  driver,
  pool: 'pool',
  device: name,
  ...more,
})
const driverOn = (...nodes: string[]): User => ({
  name: serviceAccountUser('kube-system', 'dra-driver'),
  groups: [],
  extra: { [EXTRA.nodeName]: nodes },
})
const person: User = { name: 'jane', groups: [], extra: { [EXTRA.nodeName]: ['n1'] } }
const consumer = { resource: 'pods', name: 'p', uid: 'u' }

/** Each as `verb subresource namespace name`. */
const holding = (...held: string[]) => ({
  authorize: ({ apiGroup, resource, verb, subresource, namespace, name }: Attributes) => {
    assert.equal(`${resource}.${apiGroup}`, 'resourceclaims.resource.k8s.io')
    const allowed = held.includes(`${verb} ${subresource} ${namespace} ${name}`)
    return { decision: allowed ? ('allow' as const) : ('no-opinion' as const), reason: '' }
  },
})

interface Case {
  what: string
  user?: User
  held?: string[]
  verb?: string
  old?: Status
  status: Status
  refused?: string[]
}

const BIND = 'update binding  '
const devices = (...names: string[]) => names.map(name => device('d', name))
const before: Status = { allocation: onNodes('n1'), devices: devices('a') }
const moved = { old: before, status: { ...before, devices: devices('b') } }
const elsewhere = (allocation: AllocationResult) => ({
  old: { allocation, devices: devices('a') },
  status: { allocation, devices: devices('b') },
})

const CASES: Case[] = [
  { what: 'nothing changes', old: moved.old, status: structuredClone(moved.old) },
  { what: 'no reservations are none', old: {}, status: { reservedFor: [] } },
  { what: 'allocates with the right', held: [BIND], status: { allocation: onNodes('n1') } },
  { what: 'allocates without', status: { allocation: onNodes('n1') }, refused: ['status.allocation'] },
  { what: 'an empty allocation is one', status: { allocation: {} }, refused: ['status.allocation'] },
  { what: 'reserves with the right', held: [BIND], status: { reservedFor: [consumer] } },
  { what: 'reserves without', status: { reservedFor: [consumer] }, refused: ['status.allocation'] },
  {
    what: 'binding is for the whole cluster',
    held: ['update binding ns ', 'update binding ns c'],
    status: { reservedFor: [consumer] },
    refused: ['status.allocation'],
  },
  {
    what: 'patches take the right to patch',
    held: [BIND],
    verb: 'patch',
    status: { reservedFor: [consumer] },
    refused: ['status.allocation'],
  },
  { what: 'patches with it', held: ['patch binding  '], verb: 'patch', status: { reservedFor: [consumer] } },
  { what: 'deallocation takes the devices away', held: [BIND], old: moved.old, status: {} },
  { what: 'on its node', user: driverOn('n1'), held: ['associated-node:update driver ns d'], ...moved },
  { what: 'on its node, by any', user: driverOn('n1'), held: ['arbitrary-node:update driver ns d'], ...moved },
  { what: 'on its node, without', user: driverOn('n1'), ...moved, refused: ['status.devices'] },
  {
    what: 'of another driver',
    user: driverOn('n1'),
    held: ['associated-node:update driver ns other'],
    ...moved,
    refused: ['status.devices'],
  },
  {
    what: 'on another node',
    user: driverOn('n2'),
    held: ['associated-node:update driver ns d'],
    ...moved,
    refused: ['status.devices'],
  },
  { what: 'on another node, by any', user: driverOn('n2'), held: ['arbitrary-node:update driver ns d'], ...moved },
  {
    what: 'nobody but service accounts is on a node',
    user: person,
    held: ['associated-node:update driver ns d'],
    ...moved,
    refused: ['status.devices'],
  },
  {
    what: 'of two nodes none is its own',
    user: driverOn('n1'),
    held: ['associated-node:update driver ns d'],
    ...elsewhere(onNodes('n1', 'n2')),
    refused: ['status.devices'],
  },
  {
    what: 'patches of its node',
    user: driverOn('n1'),
    verb: 'patch',
    held: ['associated-node:patch driver ns d'],
    ...moved,
  },
  {
    what: 'both, and each driver',
    status: { allocation: onNodes('n1'), devices: [device('e', 'a'), device('d', 'a')] },
    refused: ['status.allocation', 'status.devices', 'status.devices'],
  },
]

describe('authorization of a claim by the parts of its status', () => {
  const claim = (status: Status) => ({ metadata: { name: 'c', namespace: 'ns' }, spec: {}, status })
  const asked = ({ user = person, verb = 'update', old = {}, status }: Case) =>
    request({
      operation: 'UPDATE',
      type: ResourceClaims,
      subresource: 'status',
      user,
      verb,
      object: claim(status),
      oldObject: claim(old),
    })
  const plugin = (held: string[] = []) => claimStatusAuthorization(fakeContext({ authorizer: holding(...held) }))

  for (const each of CASES) {
    it(each.what, async () => {
      if (each.refused === undefined) return admit(plugin(each.held), asked(each))
      const { code, status } = await refusalOf(plugin(each.held), asked(each))
      assert.equal(code, 422)
      assert.deepEqual(
        status.details?.causes?.map(({ reason, field }) => [reason, field]),
        each.refused.map(path => ['FieldValueForbidden', path]),
      )
    })
  }

  it('says what is missing', async () => {
    const binding = await refusalOf(plugin(), asked({ what: '', status: { reservedFor: [consumer] } }))
    assert.equal(
      binding.message,
      'ResourceClaim.resource.k8s.io "c" is invalid: status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: resourceclaims.resource.k8s.io is forbidden: User "jane" cannot update resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope',
    )
    const driver = await refusalOf(plugin(), asked({ what: '', user: driverOn('n1'), ...moved }))
    assert.equal(
      driver.message,
      'ResourceClaim.resource.k8s.io "c" is invalid: status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[associated-node:update arbitrary-node:update]" permission: resourceclaims.resource.k8s.io "d" is forbidden: User "system:serviceaccount:kube-system:dra-driver" cannot associated-node:update resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "ns"',
    )
  })
})

describe('what a change of status is about', () => {
  const a = device('a', 'x')
  const drivers: [AllocatedDeviceStatus[], AllocatedDeviceStatus[], string[]][] = [
    [[], [], []],
    [[a], [a], []],
    [[device('b', 'x'), a], [], ['a', 'b']],
    [[], [a], ['a']],
    [[{ ...a, data: { k: 1 } }], [a], ['a']],
    [[{ ...a, conditions: [] }], [a], []],
    [[{ ...a, networkData: {} }], [a], ['a']],
    [[{ ...a, shareID: 's' }], [a], ['a']],
    [[device('b', 'y'), a], [a, device('b', 'y')], []],
  ]
  for (const [now, old, expected] of drivers) {
    it(`drivers ${JSON.stringify([old, now])}`, () => assert.deepEqual(changedDrivers(now, old), expected))
  }

  const name = field('metadata.name', 'In', 'n')
  const nodes: [AllocationResult, string | undefined][] = [
    [{}, undefined],
    [selecting(), undefined],
    [selecting({ matchFields: [name] }), 'n'],
    [onNodes('n', 'm'), undefined],
    [selecting({ matchFields: [name] }, { matchFields: [name] }), undefined],
    [selecting({ matchFields: [name, name] }), undefined],
    [selecting({ matchFields: [name], matchExpressions: [name] }), undefined],
    [selecting({ matchExpressions: [name] }), undefined],
    [selecting({ matchFields: [field('metadata.name', 'NotIn', 'n')] }), undefined],
    [selecting({ matchFields: [field('metadata.uid', 'In', 'n')] }), undefined],
  ]
  for (const [allocation, node] of nodes) {
    it(`node of ${JSON.stringify(allocation)}`, () => assert.equal(onlyNode(allocation), node))
  }
})
