import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Nodes, PersistentVolumeClaims, PersistentVolumes, StorageClasses } from '@canopus/api'
import type { PersistentVolumeClaim } from '@canopus/api/core/v1'
import { createWorld, type World } from '../../testing/world.ts'
import { PROVISIONED_BY, PROVISIONER_FINALIZER, SELECTED_NODE, STORAGE_PROVISIONER } from '../annotations.ts'
import { createPersistentVolumeBinder } from '../binder/controller.ts'
import { claimOf, classNamed, volumeOf } from '../binder/testing.ts'
import { createVolumeExpander } from '../expander.ts'
import { createClaimProtectionController, createVolumeProtectionController } from '../protection.ts'
import { LOCAL_PROVISIONER } from './names.ts'
import { directoryNameOf, planLocalClaim, planLocalVolume } from './plan.ts'
import { createLocalProvisioner } from './provisioner.ts'

let world: World
/** Of both nodes: paths that are there. */
const directories = new Set<string>()
let failure: string | undefined

const directoriesOf = (node: string) => ({
  async make(name: string) {
    if (failure !== undefined) throw new Error(failure)
    directories.add(`/${node}/${name}`)
    return `/${node}/${name}`
  },
  async remove(path: string) {
    if (failure !== undefined) throw new Error(failure)
    directories.delete(path)
  },
})

beforeEach(async () => {
  world = createWorld()
  directories.clear()
  failure = undefined
  const { context, server } = world
  server.add(StorageClasses, classNamed('now', { provisioner: LOCAL_PROVISIONER, allowVolumeExpansion: true }))
  server.add(
    StorageClasses,
    classNamed('late', { provisioner: LOCAL_PROVISIONER, volumeBindingMode: 'WaitForFirstConsumer' }),
  )
  for (const name of ['a', 'b'])
    server.add(Nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } }, spec: {} })
  await world.start(
    createPersistentVolumeBinder(context),
    createVolumeExpander(context),
    createClaimProtectionController(context),
    createVolumeProtectionController(context),
    ...['a', 'b'].map(nodeName => createLocalProvisioner(context, { nodeName, directories: directoriesOf(nodeName) })),
  )
})
afterEach(() => world.stop())

const claims = () => world.context.client.resource(PersistentVolumeClaims)
const claim = () => world.server.get(PersistentVolumeClaims, 'data', 'default')!
const volumes = () => world.server.list(PersistentVolumes)
function addClaim(storageClassName: string, more: Partial<PersistentVolumeClaim['spec']> = {}) {
  return claims().create({
    metadata: { name: 'data', namespace: 'default' },
    spec: { ...claimOf().spec, storageClassName, ...more },
  })
}
const select = (node: string) =>
  world.server.change(PersistentVolumeClaims, 'data', 'default', each => {
    each.metadata.annotations = { ...each.metadata.annotations, [SELECTED_NODE]: node }
  })

test('delayed: the directory is made on the node that the scheduler has chosen, and removed with the claim', async () => {
  await addClaim('late')
  await world.settle()
  assert.equal(directories.size, 0)
  select('b')
  await world.settle()
  const [volume] = volumes()
  assert.deepEqual([...directories], [`/b/${volume!.metadata.name}_default_data`])
  assert.deepEqual(volume!.spec.local, { path: [...directories][0] })
  assert.deepEqual(volume!.spec.nodeAffinity?.required?.nodeSelectorTerms, [
    { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['b'] }] },
  ])
  assert.equal(volume!.metadata.annotations?.[PROVISIONED_BY], LOCAL_PROVISIONER)
  assert.equal(claim().status?.phase, 'Bound')
  assert.ok(world.events.some(each => each.startsWith('ProvisioningSucceeded Successfully provisioned volume pvc-')))
  await claims().delete('data', { namespace: 'default' })
  await world.settle(5_000)
  assert.deepEqual([directories.size, volumes()], [0, []])
})

test('at once: one of the nodes takes it', async () => {
  await addClaim('now')
  await world.settle(5_000)
  assert.equal(directories.size, 1)
  assert.equal(claim().status?.phase, 'Bound')
  assert.equal([...directories][0]!.split('/')[1], claim().metadata.annotations?.[SELECTED_NODE])
})

test('a volume that somebody deletes first stays until its claim goes, and then goes with its directory', async () => {
  await addClaim('now')
  await world.settle(5_000)
  await world.context.client.resource(PersistentVolumes).delete(volumes()[0]!.metadata.name)
  await world.settle()
  assert.deepEqual([directories.size, volumes().length], [1, 1])
  await claims().delete('data', { namespace: 'default' })
  await world.settle(5_000)
  assert.deepEqual([directories.size, volumes().length], [0, 0])
})

test('a volume that is to be kept is kept, the directory even longer', async () => {
  await addClaim('now')
  await world.settle(5_000)
  const { name } = volumes()[0]!.metadata
  world.server.change(PersistentVolumes, name, undefined, each => {
    each.spec.persistentVolumeReclaimPolicy = 'Retain'
  })
  await claims().delete('data', { namespace: 'default' })
  await world.settle(5_000)
  assert.equal(volumes()[0]!.status?.phase, 'Released')
  await world.context.client.resource(PersistentVolumes).delete(name)
  await world.settle(5_000)
  assert.deepEqual([directories.size, volumes().length], [1, 0])
})

test('a disk that fails: the scheduler is asked again, a removal is tried again', async () => {
  await addClaim('late')
  failure = 'ENOSPC: no space left on device'
  await world.settle()
  select('a')
  await world.settle()
  assert.equal(claim().metadata.annotations?.[SELECTED_NODE], undefined)
  const said = `ProvisioningFailed failed to provision volume with StorageClass "late": ${failure}`
  assert.ok(world.events.includes(said))
  failure = undefined
  select('b')
  await world.settle(5_000)
  assert.equal(claim().status?.phase, 'Bound')
  failure = 'EIO: i/o error'
  await claims().delete('data', { namespace: 'default' })
  await world.settle()
  assert.equal(volumes()[0]!.status?.phase, 'Released')
  failure = undefined
  await world.settle(60_000)
  assert.deepEqual([directories.size, volumes().length], [0, 0])
})

test('a claim grows', async () => {
  await addClaim('now')
  await world.settle(5_000)
  world.server.change(PersistentVolumeClaims, 'data', 'default', each => {
    each.spec.resources = { requests: { storage: '5Gi' } }
  })
  await world.settle(5_000)
  assert.equal(claim().status?.capacity?.storage, '5Gi')
  assert.equal(volumes()[0]!.spec.capacity?.storage, '5Gi')
  for (const reason of ['ExternalExpanding', 'Resizing', 'VolumeResizeSuccessful'])
    assert.equal(world.events.filter(each => each.startsWith(`${reason} `)).length, 1, reason)
})

const ours = { annotations: { [STORAGE_PROVISIONER]: LOCAL_PROVISIONER } }
const chosen = { annotations: { ...ours.annotations, [SELECTED_NODE]: 'a' } }
const node = { metadata: { name: 'a', uid: 'a', labels: { zone: 'z1' } } } as never
const now = classNamed('now', { provisioner: LOCAL_PROVISIONER })
const plans: [string, Parameters<typeof planLocalClaim>, string][] = [
  ['another provisioner', [claimOf(), now, node], 'leave'],
  ['the class says another', [claimOf({}, ours), classNamed('now'), node], 'leave'],
  ['bound already', [claimOf({ volumeName: 'x' }, ours), now, node], 'leave'],
  ['going', [claimOf({}, { ...ours, deletionTimestamp: 'now' }), now, node], 'leave'],
  ['nobody has been chosen', [claimOf({}, ours), now, node], 'offer'],
  ['chosen', [claimOf({}, chosen), now, node], 'make'],
  ['another node', [claimOf({}, chosen), now, { metadata: { name: 'b' } } as never], 'leave'],
  [
    'not a node that takes nothing',
    [claimOf({}, ours), now, { metadata: { name: 'a' }, spec: { unschedulable: true } } as never],
    'leave',
  ],
  [
    'not a node elsewhere',
    [
      claimOf({}, ours),
      { ...now, allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['z2'] }] }] },
      node,
    ],
    'leave',
  ],
  [
    'a node of the topology',
    [
      claimOf({}, ours),
      { ...now, allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['z1'] }] }] },
      node,
    ],
    'offer',
  ],
  ['a device', [claimOf({ volumeMode: 'Block' }, chosen), now, node], 'refuse'],
  ['from a snapshot', [claimOf({ dataSource: { kind: 'VolumeSnapshot', name: 's' } }, chosen), now, node], 'refuse'],
]
for (const [name, given, expected] of plans)
  test(`claim: ${name}`, () => assert.equal(planLocalClaim(...given).action, expected))

test('volumes: removed only once released, and only under the policy Delete', () => {
  const plan = (policy: string, phase: string, more: object = {}) => {
    const volume = volumeOf('pv', { persistentVolumeReclaimPolicy: policy }, { phase })
    return planLocalVolume({ ...volume, metadata: { ...volume.metadata, ...more } })
  }
  const guarded = { finalizers: [PROVISIONER_FINALIZER] }
  assert.equal(plan('Delete', 'Bound', guarded), 'leave')
  assert.equal(plan('Delete', 'Bound'), 'protect')
  assert.equal(plan('Delete', 'Released', guarded), 'remove')
  assert.equal(plan('Delete', 'Released', { ...guarded, deletionTimestamp: 'now' }), 'remove')
  assert.equal(plan('Delete', 'Released', { deletionTimestamp: 'now' }), 'leave')
  assert.equal(plan('Retain', 'Released', guarded), 'let-go')
  assert.equal(plan('Retain', 'Released'), 'leave')
})

test('a directory’s name fits into a file system', () => {
  assert.equal(directoryNameOf(claimOf({}, { name: 'x'.repeat(253) })).length, 255)
})
