import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { EndpointSlices, Endpoints, Services } from '@canopus/api'
import { createWorld, type World } from '../testing/world.ts'
import { createEndpointSliceMirroringController } from './mirroring-controller.ts'

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
