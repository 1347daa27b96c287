import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '@canopus/api'
import { createWorld, type World } from '../../testing/world.ts'
import { BIND_COMPLETED, PROVISIONED_BY, SELECTED_NODE, STORAGE_PROVISIONER } from '../annotations.ts'
import { createPersistentVolumeBinder } from './controller.ts'
import { claimOf, classNamed, volumeOf } from './testing.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createPersistentVolumeBinder(world.context))
})
afterEach(() => world.stop())

const claims = () => world.context.client.resource(PersistentVolumeClaims)
const volumes = () => world.context.client.resource(PersistentVolumes)
const claim = (name = 'data') => world.server.get(PersistentVolumeClaims, name, 'default')!
const volume = (name: string) => world.server.get(PersistentVolumes, name)!
const addClaim = (name = 'data', spec: Parameters<typeof claimOf>[0] = {}) => {
  const { metadata: _, ...rest } = claimOf(spec)
  return claims().create({ ...rest, metadata: { name, namespace: 'default' } })
}
const addVolume = (name: string, spec: Parameters<typeof volumeOf>[1] = {}, annotations?: Record<string, string>) => {
  const { metadata: _, ...rest } = volumeOf(name, spec)
  return volumes().create({ ...rest, metadata: { name, ...(annotations ? { annotations } : {}) } })
}
const phases = () => [
  ...world.server.list(PersistentVolumeClaims).map(each => `${each.metadata.name} ${each.status?.phase}`),
  ...world.server.list(PersistentVolumes).map(each => `${each.metadata.name} ${each.status?.phase}`),
]

test('a claim waits until a volume comes, and has it until it goes; the volume is kept', async () => {
  await addClaim()
  await world.settle()
  assert.deepEqual(phases(), ['data Pending'])
  await addVolume('pv')
  await world.settle()
  assert.deepEqual(phases(), ['data Bound', 'pv Bound'])
  assert.equal(volume('pv').spec.claimRef?.uid, claim().metadata.uid)
  assert.deepEqual(claim().status?.capacity, { storage: '1Gi' })
  await claims().delete('data', { namespace: 'default' })
  await world.settle()
  assert.deepEqual(phases(), ['pv Released'])
})

test('figures tell of volumes and claims, bound and not', async () => {
  await addVolume('pv')
  await addClaim()
  await addVolume('spare', { volumeMode: 'Block' })
  await addClaim('more', { storageClassName: 'none' })
  await world.settle()
  assert.deepEqual(world.figures(/^pv_collector_/), [
    'pv_collector_bound_pv_count{storage_class=""} 1',
    'pv_collector_bound_pvc_count{namespace="default",storage_class="",volume_attributes_class=""} 1',
    'pv_collector_total_pv_count{plugin_name="kubernetes.io/host-path",volume_mode="Filesystem"} 1',
    'pv_collector_total_pv_count{plugin_name="kubernetes.io/host-path",volume_mode="Block"} 1',
    'pv_collector_unbound_pv_count{storage_class=""} 1',
    'pv_collector_unbound_pvc_count{namespace="default",storage_class="none",volume_attributes_class=""} 1',
  ])
})

test('claims at the same time get a volume each', async () => {
  for (let index = 0; index < 20; index++) await addVolume(`pv-${index}`)
  await Promise.all(Array.from({ length: 20 }, (_, index) => addClaim(`data-${index}`)))
  await world.settle()
  const bound = world.server.list(PersistentVolumeClaims)
  assert.equal(new Set(bound.map(each => each.spec.volumeName)).size, 20)
  assert.ok(bound.every(each => each.status?.phase === 'Bound'))
})

test('a claim whose volume is removed is lost, and told so once', async () => {
  await addVolume('pv')
  await addClaim()
  await world.settle()
  await volumes().delete('pv')
  await world.settle(60_000)
  assert.equal(claim().status?.phase, 'Lost')
  assert.equal(world.events.filter(each => each.startsWith('ClaimLost')).length, 1)
})

test('a claim of a namesake does not get the data of the one before', async () => {
  await addVolume('pv')
  await addClaim()
  await world.settle()
  await claims().delete('data', { namespace: 'default' })
  await addClaim()
  await world.settle()
  assert.deepEqual(phases(), ['data Pending', 'pv Released'])
})

test('an external provisioner is told, and its volume bound', async () => {
  world.server.add(StorageClasses, classNamed('fast'))
  await addClaim('data', { storageClassName: 'fast' })
  await world.settle()
  assert.equal(claim().metadata.annotations?.[STORAGE_PROVISIONER], 'example.com/disks')
  assert.match(
    world.events.at(-1)!,
    /^ExternalProvisioning Waiting for a volume to be created either by the external provisioner 'example.com\/disks' or/,
  )
  const { uid } = claim().metadata
  const spec = {
    claimRef: { name: 'data', namespace: 'default', uid },
    storageClassName: 'fast',
    persistentVolumeReclaimPolicy: 'Delete',
  }
  await addVolume('made', spec, { [PROVISIONED_BY]: 'example.com/disks' })
  await world.settle()
  assert.deepEqual(phases(), ['data Bound', 'made Bound'])
  assert.equal(claim().metadata.annotations?.[BIND_COMPLETED], 'yes')
  await claims().delete('data', { namespace: 'default' })
  await world.settle()
  assert.deepEqual(phases(), ['made Released'])
})

test('a default class that comes later is given to claims that name none', async () => {
  const { storageClassName: _, ...spec } = claimOf().spec
  await claims().create({ metadata: { name: 'data', namespace: 'default' }, spec })
  await world.settle()
  assert.equal(claim().spec.storageClassName, undefined)
  world.server.add(
    StorageClasses,
    classNamed('fast', { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } }),
  )
  await world.settle()
  assert.equal(claim().spec.storageClassName, 'fast')
  assert.equal(claim().metadata.annotations?.[STORAGE_PROVISIONER], 'example.com/disks')
})

test('delayed binding: nothing happens before a pod comes and the scheduler chooses', async () => {
  world.server.add(StorageClasses, classNamed('late', { volumeBindingMode: 'WaitForFirstConsumer' }))
  await addVolume('pv', { storageClassName: 'late' })
  await addClaim('data', { storageClassName: 'late' })
  await world.settle()
  assert.match(world.events.at(-1)!, /^WaitForFirstConsumer/)
  world.server.add(Pods, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
  })
  await world.settle(20_000)
  assert.match(world.events.at(-1)!, /^WaitForPodScheduled waiting for pod web to be scheduled/)
  assert.deepEqual(phases(), ['data Pending', 'pv Available'])
  // The scheduler reserves a volume that is there ...
  world.server.change(PersistentVolumes, 'pv', undefined, each => {
    each.spec.claimRef = { name: 'data', namespace: 'default', uid: claim().metadata.uid }
  })
  await world.settle()
  assert.deepEqual(phases(), ['data Bound', 'pv Bound'])
  // ... or has one made.
  await addClaim('more', { storageClassName: 'late' })
  await world.settle()
  world.server.change(PersistentVolumeClaims, 'more', 'default', each => {
    each.metadata.annotations = { [SELECTED_NODE]: 'n1' }
  })
  await world.settle()
  assert.equal(claim('more').metadata.annotations?.[STORAGE_PROVISIONER], 'example.com/disks')
})

test('a volume that nobody can remove has failed', async () => {
  await addVolume('pv', { persistentVolumeReclaimPolicy: 'Delete' })
  await addClaim()
  await world.settle()
  await claims().delete('data', { namespace: 'default' })
  await world.settle(60_000)
  assert.deepEqual(phases(), ['pv Failed'])
  assert.equal(world.events.filter(each => each.startsWith('VolumeFailedDelete')).length, 1)
})
