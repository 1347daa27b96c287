import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import type { LimitRange, Namespace, Node, ResourceQuota } from '../../generated/core.v1.ts'
import { created, createErrors, testCreate, testUpdate } from '../../testing/validation-table.ts'
import { LimitRangeKind } from './limitrange.ts'
import { NamespaceKind } from './namespace.ts'
import { NodeKind } from './node.ts'
import { ResourceQuotaKind } from './resourcequota.ts'

test('Namespace: label, finalizer, phase', () => {
  const namespace = created(NamespaceKind, { metadata: { name: 'a' } } as Namespace)
  assert.deepEqual(namespace, {
    metadata: { name: 'a', labels: { 'kubernetes.io/metadata.name': 'a' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  })
})

test('Namespace: no phase is Active', () => {
  const namespace = { metadata: { name: 'a' }, status: { conditions: [] } } as unknown as Namespace
  NamespaceKind.strategy.default!(namespace)
  assert.deepEqual(namespace.status, { conditions: [], phase: 'Active' })
})

test('Namespace: only /finalize takes the finalizer away', () => {
  const old = created(NamespaceKind, { metadata: { name: 'a' } } as Namespace)
  const changed = structuredClone(old)
  changed.spec = {}
  NamespaceKind.strategy.prepareForUpdate!(changed, old, { now: '' })
  assert.deepEqual(changed.spec.finalizers, ['kubernetes'])
  const finalized = structuredClone(old)
  finalized.spec = {}
  NamespaceKind.strategy.subresources!.finalize!.prepareForUpdate(finalized, old, { now: '' })
  assert.equal(finalized.spec.finalizers, undefined)
})

test('Namespace: is active where nobody says otherwise', () => {
  const phases = [undefined, {}, { phase: '' }, { phase: 'Terminating' }].map(status => {
    const namespace = { metadata: { name: 'a' }, ...(status && { status: Object.freeze(status) }) } as Namespace
    NamespaceKind.strategy.default!(namespace)
    return namespace.status?.phase
  })
  assert.deepEqual(phases, ['Active', 'Active', 'Active', 'Terminating'])
})

test('Namespace: Terminating goes with deletion', () => {
  const old = created(NamespaceKind, { metadata: { name: 'a' } } as Namespace)
  const changed = { ...structuredClone(old), status: { phase: 'Terminating' } }
  const texts = NamespaceKind.strategy.validateStatusUpdate!(changed, old).map(fieldErrorText)
  assert.deepEqual(texts, [
    'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  ])
})

const node = { metadata: { name: 'n1' }, spec: { podCIDR: '10.1.0.0/24' } } as Node

testCreate(NodeKind, node, [
  {
    name: 'features in no order',
    change: object => {
      object.status = { declaredFeatures: ['B', 'A/x1'] }
    },
    errors: ['status.declaredFeatures[1]: Invalid value: "A/x1": list must be sorted alphabetically'],
  },
  {
    name: 'taint without effect',
    change: object => {
      object.spec.taints = [{ key: 'a', effect: '' }]
    },
    errors: ['metadata.taints[0].effect: Required value'],
  },
  {
    name: 'the same taint twice',
    change: object => {
      const taint = { key: 'a', effect: 'NoSchedule' }
      object.spec.taints = [taint, taint]
    },
    errors: [
      'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    ],
  },
  {
    name: 'half a pod',
    change: object => {
      object.status = { capacity: { pods: '500m' } }
    },
    errors: [
      'status.capacity.pods: Invalid value: "500m": must be an integer',
      'status.allocatable.pods: Invalid value: "500m": must be an integer',
    ],
  },
])

testUpdate(NodeKind, node, [
  {
    name: 'another range of addresses',
    change: object => {
      object.spec = { podCIDR: '10.2.0.0/24', podCIDRs: ['10.2.0.0/24'] }
    },
    errors: ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
  },
])

test('Node: the kernel with its architecture', () => {
  const { value } = NodeKind.columns.find(({ name }) => name === 'Kernel-Version')!
  const shown = (nodeInfo: object): unknown => value({ metadata: {}, spec: {}, status: { nodeInfo } } as Node, 0)
  assert.equal(shown({ kernelVersion: '6.1', architecture: 'arm64' }), '6.1 (arm64)')
  assert.equal(shown({ kernelVersion: '6.1' }), '6.1')
  assert.equal(shown({}), '<unknown>')
})

test('Node: columns', () => {
  const cells = (object: object): unknown[] => NodeKind.columns.slice(1, 3).map(each => each.value(object as Node, 0))
  const labels = { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' }
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] }
  const object = { metadata: { labels }, spec: { unschedulable: true }, status: ready }
  assert.deepEqual(cells(object), ['Ready,SchedulingDisabled', 'control-plane,worker'])
  assert.deepEqual(cells({ metadata: {}, spec: {} }), ['Unknown', '<none>'])
})

testCreate(ResourceQuotaKind, { metadata: { name: 'q' }, spec: { hard: { pods: '1' } } } as unknown as ResourceQuota, [
  {
    name: 'unknown resource',
    change: object => {
      object.spec.hard = { widgets: '1' }
    },
    errors: [
      'spec.hard[widgets]: Invalid value: "widgets": must be a standard resource type or fully qualified',
      'spec.hard[widgets]: Invalid value: "widgets": must be a standard resource for quota',
    ],
  },
  {
    name: 'count of a resource',
    change: object => {
      object.spec.hard = { 'count/deployments.apps': '3' }
    },
    errors: [],
  },
  {
    name: 'less than nothing',
    change: object => {
      object.spec.hard = { pods: '-1' }
    },
    errors: ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'],
  },
  {
    name: 'scopes that exclude each other',
    change: object => {
      object.spec.scopes = ['Terminating', 'NotTerminating']
    },
    errors: ['spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes'],
  },
])

test('LimitRange: defaults come from the bounds', () => {
  const range = {
    metadata: { name: 'l' },
    spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '1' } }] },
  }
  const [item] = created(LimitRangeKind, range as unknown as LimitRange).spec.limits
  assert.deepEqual(item!.default, { cpu: '2' })
  assert.deepEqual(item!.defaultRequest, { cpu: '2' })
})

test('LimitRange: least above most', () => {
  const limits = [{ type: 'Pod', max: { cpu: '1' }, min: { cpu: '2' } }]
  assert.deepEqual(createErrors(LimitRangeKind, { metadata: {}, spec: { limits } } as unknown as LimitRange), [
    'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
  ])
})
