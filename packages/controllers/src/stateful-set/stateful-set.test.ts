import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '@canopus/api'
import type { StatefulSetSpec } from '@canopus/api/apps/v1'
import { StatusError } from '@canopus/apimachinery'
import { createWorld, type World } from '../testing/world.ts'
import { createStatefulSetController } from './controller.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createStatefulSetController(world.context))
})
afterEach(() => world.stop())

const templateOf = (image: string) => ({
  metadata: { labels: { app: 'db' } },
  spec: { containers: [{ name: 'c', image }] },
})
const add = (spec: Partial<StatefulSetSpec> = {}) =>
  world.server.add(StatefulSets, {
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      replicas: 3,
      serviceName: 'dbs',
      selector: { matchLabels: { app: 'db' } },
      template: templateOf('v1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
  })
const set = () => world.server.get(StatefulSets, 'db', 'default')!
const names = () => world.server.list(Pods).map(pod => pod.metadata.name)
const images = () => world.server.list(Pods).map(pod => pod.spec?.containers[0]?.image)
const patch = (spec: object) =>
  world.context.client.resource(StatefulSets).patch('db', 'merge', { spec }, { namespace: 'default' })
const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }
const run = (name: string, phase = 'Running') =>
  world.server.change(Pods, name, 'default', pod => {
    pod.status = { phase, conditions: phase === 'Running' ? [ready] : [] }
    pod.spec!.nodeName = 'n'
  })
/** Pods run, and go when told. Notes what exists after every step. */
async function tend(steps = 12): Promise<string[]> {
  const history: string[] = []
  for (let step = 0; step < steps; step++) {
    await world.settle(100)
    const state = names().join(' ')
    if (history.at(-1) !== state) history.push(state)
    for (const { metadata, status } of world.server.list(Pods)) {
      if (metadata.deletionTimestamp) world.server.remove(Pods, metadata.name, 'default')
      else if (status?.phase !== 'Running') run(metadata.name)
    }
  }
  await world.settle()
  return history
}

test('up in order, each with its name, host name and labels', async () => {
  add()
  assert.deepEqual(await tend(), ['db-0', 'db-0 db-1', 'db-0 db-1 db-2'])
  const pod = world.server.get(Pods, 'db-1', 'default')!
  assert.equal(pod.spec?.hostname, 'db-1')
  assert.equal(pod.spec?.subdomain, 'dbs')
  assert.equal(pod.metadata.labels?.['statefulset.kubernetes.io/pod-name'], 'db-1')
  assert.equal(pod.metadata.labels?.['apps.kubernetes.io/pod-index'], '1')
  const { replicas, readyReplicas, currentReplicas, updatedReplicas, currentRevision, updateRevision } = set().status!
  assert.deepEqual([replicas, readyReplicas, currentReplicas, updatedReplicas], [3, 3, 3, 3])
  assert.equal(currentRevision, updateRevision)
  assert.equal(pod.metadata.labels?.['controller-revision-hash'], currentRevision)
  const [revision] = world.server.list(ControllerRevisions)
  assert.equal(`db-${revision!.metadata.labels?.['controller.kubernetes.io/hash']}`, currentRevision)
  assert.equal(revision!.metadata.labels?.['controller-revision-hash'], undefined)
  assert.ok(world.events.includes('SuccessfulCreate Create Pod db-0 in StatefulSet db successful'))
})

test('down in reverse, and not while another is unwell', async () => {
  add()
  await tend()
  await patch({ replicas: 0 })
  assert.deepEqual(await tend(), ['db-0 db-1 db-2', 'db-0 db-1', 'db-0', ''])
  await patch({ replicas: 3 })
  await tend()
  world.server.change(Pods, 'db-0', 'default', pod => (pod.status!.conditions = []))
  await patch({ replicas: 1 })
  await world.settle()
  assert.equal(world.server.list(Pods).filter(pod => pod.metadata.deletionTimestamp).length, 0)
})

test('Parallel waits for nobody', async () => {
  add({ podManagementPolicy: 'Parallel' })
  await world.settle()
  assert.deepEqual(names(), ['db-0', 'db-1', 'db-2'])
  await patch({ replicas: 1 })
  await world.settle()
  assert.equal(names().length, 1)
})

test('updates from the last down, and stops at the partition', async () => {
  add({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })
  await tend()
  const before = set().status!.currentRevision
  await patch({ template: templateOf('v2') })
  await tend()
  assert.deepEqual(images(), ['v1', 'v1', 'v2'])
  const { currentRevision, updateRevision, currentReplicas, updatedReplicas } = set().status!
  assert.equal(currentRevision, before)
  assert.notEqual(updateRevision, before)
  assert.deepEqual([currentReplicas, updatedReplicas], [2, 1])
  // A pod below the partition comes back as it was.
  world.server.remove(Pods, 'db-0', 'default')
  await tend()
  assert.deepEqual(images(), ['v1', 'v1', 'v2'])
  await patch({ updateStrategy: { rollingUpdate: { partition: 0 } } })
  await tend(20)
  assert.deepEqual(images(), ['v2', 'v2', 'v2'])
  assert.equal(set().status!.currentRevision, updateRevision)
})

test('going back makes no new revision', async () => {
  add()
  await tend()
  const first = set().status!.updateRevision
  await patch({ template: templateOf('v2') })
  await tend(20)
  await patch({ template: templateOf('v1') })
  await tend(20)
  assert.equal(set().status!.updateRevision, first)
  assert.deepEqual(
    world.server
      .list(ControllerRevisions)
      .map(each => each.revision)
      .sort(),
    [2, 3],
  )
})

test('OnDelete leaves pods until somebody deletes them', async () => {
  add({ updateStrategy: { type: 'OnDelete' } })
  await tend()
  await patch({ template: templateOf('v2') })
  await tend()
  assert.deepEqual(images(), ['v1', 'v1', 'v1'])
  world.server.remove(Pods, 'db-1', 'default')
  await tend()
  assert.deepEqual(images(), ['v1', 'v2', 'v1'])
})

test('a failed pod is made anew', async () => {
  add({ replicas: 1 })
  await tend()
  const { uid } = world.server.get(Pods, 'db-0', 'default')!.metadata
  run('db-0', 'Failed')
  await tend()
  assert.notEqual(world.server.get(Pods, 'db-0', 'default')?.metadata.uid, uid)
  assert.ok(world.events.includes('SuccessfulDelete Delete Pod db-0 in StatefulSet db successful'))
})

test('claims are made once, mounted, and stay', async () => {
  add({
    replicas: 2,
    ordinals: { start: 5 },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data', uid: '', resourceVersion: '', creationTimestamp: '' },
        spec: { accessModes: ['ReadWriteOnce'] },
      },
    ],
  })
  await tend()
  assert.deepEqual(names(), ['db-5', 'db-6'])
  const claims = () => world.server.list(PersistentVolumeClaims).map(each => each.metadata.name)
  assert.deepEqual(claims(), ['data-db-5', 'data-db-6'])
  assert.deepEqual(world.server.get(Pods, 'db-5', 'default')?.spec?.volumes, [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-db-5' } },
  ])
  await patch({ replicas: 0 })
  await tend()
  assert.equal(claims().length, 2)
})

test('claims go with their pod where the retention policy says so', async () => {
  add({
    replicas: 2,
    persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' },
    volumeClaimTemplates: [
      { metadata: { name: 'data', uid: '', resourceVersion: '', creationTimestamp: '' }, spec: {} },
    ],
  })
  await tend()
  const owners = (name: string) =>
    world.server.get(PersistentVolumeClaims, name, 'default')?.metadata.ownerReferences?.map(each => each.kind)
  assert.deepEqual(owners('data-db-1'), ['StatefulSet'])
  await patch({ replicas: 1 })
  await tend()
  assert.deepEqual([owners('data-db-0'), owners('data-db-1')], [['StatefulSet'], ['Pod']])
})

const claimTemplates = [{ metadata: { name: 'data', uid: '', resourceVersion: '', creationTimestamp: '' }, spec: {} }]

test('a pod waits until the claim of its predecessor has gone', async () => {
  add({
    replicas: 2,
    persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
    volumeClaimTemplates: claimTemplates,
  })
  await tend()
  await patch({ replicas: 1 })
  await tend()
  await patch({ replicas: 2 })
  await tend()
  assert.deepEqual(names(), ['db-0'])
  world.server.remove(PersistentVolumeClaims, 'data-db-1', 'default')
  await tend()
  assert.deepEqual(names(), ['db-0', 'db-1'])
  assert.equal(world.server.get(PersistentVolumeClaims, 'data-db-1', 'default')?.metadata.ownerReferences, undefined)
})

test('a retention policy that changes reaches claims that are there, but not those that somebody else controls', async () => {
  add({ replicas: 2, volumeClaimTemplates: claimTemplates })
  await tend()
  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x', controller: true }
  world.server.change(PersistentVolumeClaims, 'data-db-1', 'default', claim => {
    claim.metadata.ownerReferences = [other]
  })
  await patch({ persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain', whenDeleted: 'Delete' } })
  await tend()
  const owners = (name: string) =>
    world.server.get(PersistentVolumeClaims, name, 'default')?.metadata.ownerReferences?.map(each => each.kind)
  assert.deepEqual([owners('data-db-0'), owners('data-db-1')], [['StatefulSet'], ['ConfigMap']])
  world.server.remove(Pods, 'db-1', 'default')
  await tend()
  assert.ok(
    world.events.includes(
      'ConflictingController PersistentVolumeClaim data-db-1 has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim',
    ),
  )
})

test('what cannot be made is told, the claim and the pod', async () => {
  const broken = new StatusError({ code: 403, reason: 'Forbidden', message: 'no more of them' })
  world.server.failNext({ method: 'POST', path: /persistentvolumeclaims$/ }, broken)
  add({ replicas: 1, volumeClaimTemplates: claimTemplates })
  await world.settle(100)
  const why = 'no more of them'
  assert.ok(
    world.events.includes(`FailedCreate Create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: ${why}`),
  )
  assert.ok(
    world.events.includes(
      `FailedCreate Create Pod db-0 in StatefulSet db failed error: failed to create PVC data-db-0: ${why}`,
    ),
  )
  await tend()
  assert.deepEqual(names(), ['db-0'])
})

test('minReadySeconds holds up the next pod', async () => {
  add({ replicas: 2, minReadySeconds: 30 })
  await world.settle()
  world.server.change(Pods, 'db-0', 'default', pod => {
    pod.status = {
      phase: 'Running',
      conditions: [{ ...ready, lastTransitionTime: new Date(world.clock.now()).toISOString() }],
    }
  })
  await world.settle(20_000)
  assert.deepEqual(names(), ['db-0'])
  await world.settle(15_000)
  assert.deepEqual(names(), ['db-0', 'db-1'])
})

test('several pods go at once where so many may be missing', async () => {
  add({
    replicas: 5,
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1, maxUnavailable: '40%' } },
  })
  await tend()
  await patch({ template: templateOf('v2') })
  await world.settle(100)
  const leaving = () =>
    world.server
      .list(Pods)
      .filter(pod => pod.metadata.deletionTimestamp)
      .map(each => each.metadata.name)
  assert.deepEqual(leaving(), ['db-3', 'db-4'])
  world.server.remove(Pods, 'db-4', 'default')
  await world.settle(100)
  assert.deepEqual(leaving(), ['db-3'], 'a new pod that does not serve yet is missing as well')
  await tend(20)
  assert.deepEqual(images(), ['v1', 'v2', 'v2', 'v2', 'v2'])
})

test('a claim that a waiting pod misses is made', async () => {
  const metadata = { name: 'data', uid: '', resourceVersion: '', creationTimestamp: '' }
  add({ replicas: 1, volumeClaimTemplates: [{ metadata, spec: { accessModes: ['ReadWriteOnce'] } }] })
  await world.settle()
  run('db-0', 'Pending')
  world.server.remove(PersistentVolumeClaims, 'data-db-0', 'default')
  await world.settle()
  world.server.change(Pods, 'db-0', 'default', pod => {
    pod.metadata.annotations = { touched: 'yes' }
  })
  await world.settle()
  assert.ok(world.server.get(PersistentVolumeClaims, 'data-db-0', 'default'))
})
