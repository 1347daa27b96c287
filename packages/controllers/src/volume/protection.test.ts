import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { PersistentVolumeClaims, PersistentVolumes, Pods } from '@canopus/api'
import { createWorld, type World } from '../testing/world.ts'
import { createClaimProtectionController, createVolumeProtectionController } from './protection.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createClaimProtectionController(world.context), createVolumeProtectionController(world.context))
})
afterEach(() => world.stop())

const addClaim = (name: string) =>
  world.server.add(PersistentVolumeClaims, { metadata: { name, namespace: 'default' }, spec: {} })
const deleteClaim = (name: string) =>
  world.context.client.resource(PersistentVolumeClaims).delete(name, { namespace: 'default' })
const claims = () => world.server.list(PersistentVolumeClaims).map(claim => claim.metadata.name)
const addPod = (name: string, more: { node?: string; phase?: string; ephemeral?: boolean } = {}) =>
  world.server.add(Pods, {
    metadata: { name, namespace: 'default' },
    spec: {
      containers: [],
      ...(more.node ? { nodeName: more.node } : {}),
      volumes: [
        { name: 'v', ...(more.ephemeral ? { ephemeral: {} } : { persistentVolumeClaim: { claimName: 'data' } }) },
      ],
    },
    status: { phase: more.phase ?? 'Running' },
  })

test('a claim in use stays until the last pod is over', async () => {
  addClaim('data')
  addPod('a', { node: 'n' })
  addPod('b', { node: 'n' })
  await world.settle()
  assert.deepEqual(world.server.list(PersistentVolumeClaims)[0]!.metadata.finalizers, ['kubernetes.io/pvc-protection'])
  await deleteClaim('data')
  await world.settle()
  assert.deepEqual(claims(), ['data'])
  world.server.remove(Pods, 'a', 'default')
  await world.settle()
  assert.deepEqual(claims(), ['data'])
  world.server.change(Pods, 'b', 'default', pod => (pod.status = { phase: 'Succeeded' }))
  await world.settle()
  assert.deepEqual(claims(), [])
})

test('nobody uses it, or only a pod without a node: it goes at once', async () => {
  addClaim('data')
  addPod('waiting', { phase: 'Pending' })
  await world.settle()
  await deleteClaim('data')
  await world.settle()
  assert.deepEqual(claims(), [])
})

test('claims made for one pod are protected too', async () => {
  addClaim('p-v')
  addPod('p', { node: 'n', ephemeral: true })
  await world.settle()
  await deleteClaim('p-v')
  await world.settle()
  assert.deepEqual(claims(), ['p-v'])
})

test('a bound volume stays until it is released', async () => {
  world.server.add(PersistentVolumes, { metadata: { name: 'pv' }, spec: {}, status: { phase: 'Bound' } })
  await world.settle()
  await world.context.client.resource(PersistentVolumes).delete('pv')
  await world.settle()
  assert.equal(world.server.list(PersistentVolumes).length, 1)
  world.server.change(PersistentVolumes, 'pv', undefined, volume => (volume.status = { phase: 'Released' }))
  await world.settle()
  assert.equal(world.server.list(PersistentVolumes).length, 0)
})
