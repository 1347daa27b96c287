import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { EndpointSlices, Endpoints, Services } from '@canopus/api'
import { createWorld, type World } from '../testing/world.ts'
import { createEndpointSliceMirroringController, groupsOf } from './mirroring-controller.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createEndpointSliceMirroringController(world.context))
})
afterEach(() => world.stop())

const addService = (selector?: Record<string, string>) =>
  world.server.add(Services, {
    metadata: { name: 'db', namespace: 'default' },
    spec: { ports: [{ port: 5432 }], ...(selector ? { selector } : {}) },
  })
const addEndpoints = (metadata: object = {}) =>
  world.server.add(Endpoints, {
    metadata: { name: 'db', namespace: 'default', ...metadata },
    subsets: [
      {
        addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }],
        notReadyAddresses: [{ ip: '192.0.2.2' }],
        ports: [{ port: 5432, protocol: 'TCP' }],
      },
    ],
  })
const slices = () =>
  world.server
    .list(EndpointSlices)
    .map(slice => ({
      type: slice.addressType,
      endpoints: slice.endpoints!.map(each => `${each.addresses[0]} ${each.conditions?.ready}`),
    }))
    .sort((a, b) => (a.type < b.type ? -1 : 1))

test('hand-made endpoints are mirrored, followed, and go with their original', async () => {
  addService()
  addEndpoints()
  await world.settle()
  assert.deepEqual(slices(), [
    { type: 'IPv4', endpoints: ['192.0.2.1 true', '192.0.2.2 false'] },
    { type: 'IPv6', endpoints: ['2001:db8::1 true'] },
  ])
  const [slice] = world.server.list(EndpointSlices)
  assert.equal(
    slice!.metadata.labels?.['endpointslice.kubernetes.io/managed-by'],
    'endpointslicemirroring-controller.k8s.io',
  )
  assert.equal(slice!.metadata.ownerReferences?.[0]?.kind, 'Endpoints')
  world.server.change(Endpoints, 'db', 'default', object => {
    object.subsets = [{ addresses: [{ ip: '192.0.2.9' }], ports: [{ port: 5432, protocol: 'TCP' }] }]
  })
  await world.settle()
  assert.deepEqual(slices(), [{ type: 'IPv4', endpoints: ['192.0.2.9 true'] }])
  world.server.change(Endpoints, 'db', 'default', object => {
    object.subsets![0]!.addresses = [{ ip: '192.0.2.9', hostname: 'h' }, { ip: 'none' }]
  })
  await world.settle()
  // What was skipped was skipped again when the slice that was written came back.
  assert.deepEqual(world.figures(/^endpoint_slice_mirroring_controller_(?!.*(bucket|_count|duration))/), [
    'endpoint_slice_mirroring_controller_addresses_skipped_per_sync_sum 2',
    'endpoint_slice_mirroring_controller_changes{operation="create"} 2',
    'endpoint_slice_mirroring_controller_changes{operation="update"} 2',
    'endpoint_slice_mirroring_controller_changes{operation="delete"} 1',
    'endpoint_slice_mirroring_controller_desired_endpoint_slices 1',
    'endpoint_slice_mirroring_controller_endpoints_added_per_sync_sum 4',
    'endpoint_slice_mirroring_controller_endpoints_desired 1',
    'endpoint_slice_mirroring_controller_endpoints_removed_per_sync_sum 2',
    'endpoint_slice_mirroring_controller_endpoints_updated_per_sync_sum 1',
    'endpoint_slice_mirroring_controller_num_endpoint_slices 1',
  ])
  world.server.remove(Endpoints, 'db', 'default')
  await world.settle()
  assert.deepEqual(slices(), [])
})

test('services with a selector, and endpoints that ask for it, are left alone', async () => {
  addService({ app: 'db' })
  addEndpoints()
  await world.settle()
  assert.deepEqual(slices(), [])
  world.server.remove(Services, 'db', 'default')
  addService()
  await world.settle()
  assert.equal(slices().length, 2)
  world.server.change(Endpoints, 'db', 'default', object => {
    object.metadata.labels = { 'endpointslice.kubernetes.io/skip-mirror': 'True' }
  })
  await world.settle()
  assert.deepEqual(slices(), [])
})

test('labels and annotations go along, and the owner where it was made anew', async () => {
  addService()
  addEndpoints()
  await world.settle()
  world.server.change(Endpoints, 'db', 'default', object => {
    object.metadata.labels = { a: 'b' }
    object.metadata.annotations = { c: 'd', 'endpoints.kubernetes.io/last-change-trigger-time': 'now' }
  })
  await world.settle()
  const [slice] = world.server.list(EndpointSlices)
  assert.equal(slice!.metadata.labels?.a, 'b')
  assert.deepEqual(slice!.metadata.annotations, { c: 'd' })
  world.server.change(Endpoints, 'db', 'default', object => (object.metadata.uid = 'another'))
  await world.settle()
  const owners = world.server.list(EndpointSlices).map(each => each.metadata.ownerReferences?.[0]?.uid)
  assert.deepEqual(owners, ['another', 'another'])
})

const many = (count: number, prefix = '10.0') =>
  Array.from({ length: count }, (_, index) => ({ ip: `${prefix}.${index >> 8}.${index & 255}` }))

describe('what is mirrored of a subset', () => {
  const cases: [what: string, ready: { ip: string }[], notReady: { ip: string }[], counts: number[]][] = [
    ['all of it', many(3), many(2, '10.1'), [5, 0, 0]],
    ['a thousand and no more', many(1000), many(7, '10.1'), [1000, 0, 7]],
    ['not what is no address', [{ ip: 'x' }, { ip: '10.0.0.1' }], [{ ip: '10.0.0' }], [1, 2, 2]],
    ['neither', [{ ip: 'x' }, ...many(1001)], [], [1000, 1, 2]],
  ]
  for (const [what, addresses, notReadyAddresses, counts] of cases) {
    test(what, () => {
      const { families, invalid, skipped } = groupsOf({ subsets: [{ addresses, notReadyAddresses, ports: [] }] })
      const endpoints = [...families.values()].flatMap(groups => [...groups.values()].flatMap(each => each.endpoints))
      assert.deepEqual([endpoints.length, invalid, skipped], counts)
    })
  }
})

test('addresses that are left out are told of', async () => {
  addService()
  addEndpoints()
  world.server.change(Endpoints, 'db', 'default', object => {
    object.subsets = [{ addresses: [{ ip: 'no address' }, ...many(1002)] }]
  })
  await world.settle()
  assert.deepEqual(
    new Set(world.events),
    new Set([
      'InvalidIPAddress Skipped 1 invalid IP addresses when mirroring to EndpointSlices',
      'TooManyAddressesToMirror A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 3 addresses were skipped',
    ]),
  )
})
