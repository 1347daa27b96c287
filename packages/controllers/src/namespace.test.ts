import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { ConfigMaps, Namespaces, Pods, Secrets } from '@canopus/api'
import { createNamespaceController } from './namespace.ts'
import { createWorld, type World } from './testing/world.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  world.server.add(Namespaces, { metadata: { name: 'x' }, spec: { finalizers: ['kubernetes'] } })
  await world.start(createNamespaceController(world.context))
})
afterEach(() => world.stop())
const deleteNamespace = () => world.context.client.resource(Namespaces).delete('x')
const reasons = () =>
  Object.fromEntries(
    (world.server.get(Namespaces, 'x')?.status?.conditions ?? []).map(each => [each.type, each.reason]),
  )

test('a deleted namespace is emptied and goes', async () => {
  world.server.add(ConfigMaps, { metadata: { name: 'a', namespace: 'x' } })
  world.server.add(Secrets, { metadata: { name: 'b', namespace: 'x' } })
  world.server.add(ConfigMaps, { metadata: { name: 'a', namespace: 'other' } })
  await deleteNamespace()
  await world.settle()
  assert.equal(world.server.get(Namespaces, 'x'), undefined)
  assert.deepEqual(
    world.server.list(ConfigMaps).map(object => object.metadata.namespace),
    ['other'],
  )
  assert.equal(world.server.list(Secrets).length, 0)
})

test('an undisturbed namespace stays', async () => {
  world.server.add(ConfigMaps, { metadata: { name: 'a', namespace: 'x' } })
  await world.settle(60_000)
  assert.equal(world.server.list(ConfigMaps).length, 1)
})

test('pods go first, and everything else waits for the last of them', async () => {
  world.server.add(ConfigMaps, { metadata: { name: 'a', namespace: 'x' } })
  world.server.add(Pods, { metadata: { name: 'p', namespace: 'x' }, spec: { containers: [], nodeName: 'n' } })
  await deleteNamespace()
  await world.settle()
  assert.equal(world.server.list(ConfigMaps).length, 1)
  assert.ok(world.server.get(Pods, 'p', 'x')?.metadata.deletionTimestamp)
  assert.equal(reasons().NamespaceContentRemaining, 'SomeResourcesRemain')
  assert.equal(
    world.server.get(Namespaces, 'x')?.status?.conditions?.[3]?.message,
    'Some resources are remaining: pods. has 1 resource instances',
  )
  world.server.remove(Pods, 'p', 'x')
  await world.settle()
  assert.equal(world.server.get(Namespaces, 'x'), undefined)
})

test('finalizers of the content hold the namespace, and it says so', async () => {
  world.server.add(ConfigMaps, { metadata: { name: 'a', namespace: 'x', finalizers: ['example.com/hold'] } })
  await deleteNamespace()
  await world.settle()
  assert.deepEqual(reasons(), {
    NamespaceDeletionDiscoveryFailure: 'ResourcesDiscovered',
    NamespaceDeletionGroupVersionParsingFailure: 'ParsedGroupVersions',
    NamespaceDeletionContentFailure: 'ContentDeleted',
    NamespaceContentRemaining: 'SomeResourcesRemain',
    NamespaceFinalizersRemaining: 'SomeFinalizersRemain',
  })
  world.server.remove(ConfigMaps, 'a', 'x')
  await world.settle(20_000)
  assert.equal(world.server.get(Namespaces, 'x'), undefined)
})

test('failures are told and tried again', async () => {
  world.server.add(ConfigMaps, { metadata: { name: 'a', namespace: 'x' } })
  world.server.failNext({ method: 'DELETE', path: /configmaps/ }, new Error('connection reset'), 2)
  await deleteNamespace()
  await world.settle(1)
  assert.equal(reasons().NamespaceDeletionContentFailure, 'ContentDeletionFailed')
  await world.settle(60_000)
  assert.equal(world.server.get(Namespaces, 'x'), undefined)
})
