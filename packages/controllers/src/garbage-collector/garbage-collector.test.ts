import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { ConfigMaps, Nodes, Secrets } from '@canopus/api'
import { type KubeObject, type OwnerReference, ownerReference, StatusError } from '@canopus/apimachinery'
import { createClient } from '@canopus/client'
import { createWorld, type World } from '../testing/world.ts'
import { createGarbageCollector } from './controller.ts'
import { type OwnerState, planItem } from './plan.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createGarbageCollector(world.context))
  await world.settle()
})
afterEach(() => world.stop())

const add = (name: string, owners: KubeObject[] = [], more: Partial<OwnerReference> = {}) =>
  world.server.add(ConfigMaps, {
    metadata: {
      name,
      namespace: 'default',
      ownerReferences: owners.map(owner => ({ ...ownerReference(owner, ConfigMaps), ...more })),
    },
  })
const names = () => world.server.list(ConfigMaps).map(object => object.metadata.name)
const get = (name: string) => world.server.get(ConfigMaps, name, 'default')
const remove = (name: string, propagationPolicy?: string) =>
  world.context.client
    .resource(ConfigMaps)
    .delete(name, { namespace: 'default', body: propagationPolicy ? { propagationPolicy } : {} })

test('in the background: the owner goes at once, then its dependents, and theirs', async () => {
  const owner = add('owner')
  const child = add('child', [owner])
  add('grandchild', [child])
  add('stranger')
  await world.settle()
  await remove('owner')
  assert.ok(!names().includes('owner'))
  await world.settle()
  assert.deepEqual(names(), ['stranger'])
})

test('a dependent whose deletion met a conflict is looked at again', async () => {
  const owner = add('owner')
  add('child', [owner])
  await world.settle()
  world.server.failNext(
    { method: 'DELETE', path: /\/configmaps\/child/ },
    new StatusError({ code: 409, reason: 'Conflict', message: 'try again' }),
  )
  await remove('owner')
  await world.settle()
  await world.clock.advance(60_000)
  assert.deepEqual(names(), [])
})

for (const [change, stays] of [
  ['adopted', true],
  ['labelled', false],
] as const)
  test(`a dependent that is ${change} just before its deletion ${stays ? 'stays' : 'goes'}`, async t => {
    const between = createWorld()
    t.after(() => between.stop())
    const { server, context } = between
    const adopter = server.add(ConfigMaps, { metadata: { name: 'adopter', namespace: 'default' } })
    const gone = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' }
    server.add(ConfigMaps, { metadata: { name: 'child', namespace: 'default', ownerReferences: [gone] } })
    let deletions = 0
    const client = createClient({
      send(request) {
        if (request.method === 'DELETE' && deletions++ === 0)
          server.change(ConfigMaps, 'child', 'default', ({ metadata }) => {
            if (stays) metadata.ownerReferences = [gone, ownerReference(adopter, ConfigMaps)]
            else metadata.labels = { a: 'b' }
          })
        return server.send(request)
      },
    })
    await between.start(createGarbageCollector({ ...context, client }))
    await between.settle()
    const child = server.get(ConfigMaps, 'child', 'default')
    assert.deepEqual(
      child?.metadata.ownerReferences?.map(owner => owner.name),
      stays ? ['adopter'] : undefined,
    )
    assert.equal(deletions, stays ? 1 : 2)
  })

test('a server that is not there yet when the collector starts is asked again soon', async t => {
  const early = createWorld()
  t.after(() => early.stop())
  early.server.failNext({ path: /^\/apis?$/ }, new Error('connect ECONNREFUSED'), 2)
  const gone = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' }
  early.server.add(ConfigMaps, { metadata: { name: 'child', namespace: 'default', ownerReferences: [gone] } })
  await early.start(createGarbageCollector(early.context))
  assert.equal(early.server.list(ConfigMaps).length, 1)
  await early.settle(5_000)
  assert.deepEqual(early.server.list(ConfigMaps), [])
})

test('in the foreground: the owner waits for dependents that block it', async () => {
  const owner = add('owner')
  add('child', [owner], { blockOwnerDeletion: true })
  world.server.change(ConfigMaps, 'child', 'default', object => (object.metadata.finalizers = ['example.com/hold']))
  add('loose', [owner])
  await world.settle()
  await remove('owner', 'Foreground')
  await world.settle()
  assert.deepEqual(names(), ['child', 'owner'])
  assert.ok(get('child')?.metadata.deletionTimestamp)
  assert.deepEqual(get('owner')?.metadata.finalizers, ['foregroundDeletion'])
  world.server.remove(ConfigMaps, 'child', 'default')
  await world.settle()
  assert.deepEqual(names(), [])
})

test('in the foreground, once more: an object that another finalizer keeps loses foregroundDeletion again', async () => {
  add('kept')
  world.server.change(ConfigMaps, 'kept', 'default', object => (object.metadata.finalizers = ['example.com/hold']))
  for (const _ of [1, 2]) {
    await remove('kept', 'Foreground')
    await world.settle()
    assert.deepEqual(get('kept')?.metadata.finalizers, ['example.com/hold'])
  }
})

test('orphaned: the dependents live on without their owner', async () => {
  const owner = add('owner')
  const other = add('other')
  add('child', [owner, other])
  await world.settle()
  await remove('owner', 'Orphan')
  await world.settle()
  assert.deepEqual(names(), ['child', 'other'])
  assert.deepEqual(
    get('child')?.metadata.ownerReferences?.map(reference => reference.name),
    ['other'],
  )
})

test('a kind that cannot be listed does not keep the others from being collected', async t => {
  const half = createWorld()
  t.after(() => half.stop())
  half.server.failNext({ method: 'GET', path: /\/secrets/ }, new Error('conversion webhook failed'), 1_000)
  half.server.add(ConfigMaps, {
    metadata: {
      name: 'child',
      namespace: 'default',
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' }],
    },
  })
  await half.start(createGarbageCollector(half.context))
  await half.settle(29_000)
  assert.equal(half.server.list(ConfigMaps).length, 1)
  await half.settle(2_000)
  assert.equal(half.server.list(ConfigMaps).length, 0)
})

test('a dependent stays while one owner lives, and loses the reference to the one that is gone', async () => {
  const a = add('a')
  const b = add('b')
  add('child', [a, b])
  await world.settle()
  await remove('a')
  await world.settle()
  assert.deepEqual(
    get('child')?.metadata.ownerReferences?.map(reference => reference.name),
    ['b'],
  )
  await remove('b')
  await world.settle()
  assert.deepEqual(names(), [])
})

test('an owner that never was, or was made anew, counts as absent', async () => {
  const owner = add('owner')
  add('wrong-uid', [{ ...owner, metadata: { ...owner.metadata, uid: 'another' } }])
  add('no-such', [{ ...owner, metadata: { ...owner.metadata, name: 'none', uid: 'none' } }])
  await world.settle()
  assert.deepEqual(names(), ['owner'])
})

for (const isKnownFirst of [true, false])
  test(`an owner of another namespace owns nothing, seen ${isKnownFirst ? 'before' : 'after'} what names it`, async () => {
    const owner = { metadata: { name: 'far', namespace: 'elsewhere', uid: 'far-1' } }
    const metadata = {
      name: 'child',
      namespace: 'default',
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'far', uid: 'far-1' }],
    }
    if (!isKnownFirst) {
      // As long as its supposed owner cannot be asked for, nothing happens to it.
      world.server.failNext({ method: 'GET', path: /\/configmaps\/far/ }, new Error('connection reset'), 1)
      world.server.add(ConfigMaps, { metadata })
    }
    world.server.add(ConfigMaps, owner)
    if (isKnownFirst) {
      await world.settle()
      world.server.add(ConfigMaps, { metadata })
    }
    await world.settle(60_000)
    assert.deepEqual(names(), ['far'])
    const text =
      'ownerRef [v1/ConfigMap, namespace: default, name: far, uid: far-1] does not exist in namespace "default"'
    assert.ok(world.events.includes(`OwnerRefInvalidNamespace ${text}`), world.events.join())
  })

test('an owner by whose uid something else is known is no owner', async () => {
  const owner = add('owner')
  add('child', [{ ...owner, metadata: { ...owner.metadata, name: 'other' } }])
  await world.settle()
  assert.deepEqual(names(), ['owner'])
})

test('a dependent made after its owner has gone, while another one is still going', async () => {
  const owner = add('owner')
  add('first', [owner])
  world.server.change(ConfigMaps, 'first', 'default', object => (object.metadata.finalizers = ['example.com/hold']))
  await world.settle()
  await remove('owner')
  await world.settle()
  assert.deepEqual(names(), ['first'])
  add('late', [owner])
  await world.settle()
  assert.deepEqual(names(), ['first'])
})

test('an owner of another kind, without a namespace', async () => {
  const node = world.server.add(Nodes, { metadata: { name: 'n' }, spec: {} })
  world.server.add(Secrets, {
    metadata: { name: 's', namespace: 'default', ownerReferences: [ownerReference(node, Nodes)] },
  })
  await world.settle()
  assert.equal(world.server.list(Secrets).length, 1)
  await world.context.client.resource(Nodes).delete('n')
  await world.settle()
  assert.equal(world.server.list(Secrets).length, 0)
})

test('a circle of owners is deleted in the foreground without standing still', async () => {
  const a = add('a')
  const b = add('b', [a], { blockOwnerDeletion: true })
  const c = add('c', [b], { blockOwnerDeletion: true })
  world.server.change(ConfigMaps, 'a', 'default', object => {
    object.metadata.ownerReferences = [{ ...ownerReference(c, ConfigMaps), blockOwnerDeletion: true }]
  })
  await world.settle()
  await remove('a', 'Foreground')
  await world.settle(10_000)
  assert.deepEqual(names(), [])
})

test('an owner of a kind that nobody serves is left open', async () => {
  const owner = add('owner')
  world.server.add(ConfigMaps, {
    metadata: {
      name: 'child',
      ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'w' }],
    },
  })
  await world.settle(60_000)
  assert.deepEqual(names(), ['child', 'owner'])
  assert.ok(owner)
})

describe('planItem', () => {
  const reference = (uid: string): OwnerReference => ({ apiVersion: 'v1', kind: 'X', name: uid, uid })
  const table: [string, OwnerState[], string[], boolean, string][] = [
    ['no owners', [], [], false, 'keep'],
    ['all solid', ['solid', 'solid'], [], false, 'keep'],
    ['one solid', ['solid', 'absent', 'waiting'], [], false, 'dropReferences'],
    ['one in a namespace, the object in none', ['impossible', 'absent', 'solid'], [], false, 'keep'],
    ['all absent', ['absent'], [], false, 'Background'],
    ['waiting with dependents', ['waiting'], [], true, 'Foreground'],
    ['waiting without dependents', ['waiting'], [], false, 'Background'],
    ['marked for orphaning', ['absent'], ['orphan'], false, 'Orphan'],
    ['marked for foreground', ['absent'], ['foregroundDeletion'], false, 'Foreground'],
  ]
  for (const [name, states, finalizers, hasDependents, expected] of table) {
    test(name, () => {
      const ownerReferences = states.map((_, index) => reference(String(index)))
      const metadata = { name: 'x', uid: 'x', resourceVersion: '1', creationTimestamp: '', ownerReferences, finalizers }
      const verdict = planItem({
        object: { metadata },
        stateOf: each => states[Number(each.uid)]!,
        hasDependents,
        hasWaitingDependents: false,
      })
      assert.equal(verdict.type === 'delete' ? verdict.policy : verdict.type, expected)
    })
  }
})
