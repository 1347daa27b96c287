import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import {
  CSIDrivers,
  CSINodes,
  CSIStorageCapacities,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  StorageClasses,
} from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import type { FakeServer } from '@canopus/client/testing'
import { aNode, aPod } from '../testing/builders.ts'
import { anObject, type FakeCluster, startFakeCluster } from '../testing/fake-cluster.ts'

let cluster: FakeCluster | undefined
afterEach(() => cluster?.stop())

const ZONE = 'topology.kubernetes.io/zone'
const mounting = (name: string, ...claims: string[]): Pod =>
  aPod(name, {
    spec: { volumes: claims.map(claimName => ({ name: claimName, persistentVolumeClaim: { claimName } })) },
  })

interface ClaimFacts {
  volume?: string
  storageClass?: string
  size?: string
  modes?: string[]
  annotations?: Record<string, string>
}

function aClaim(name: string, facts: ClaimFacts = {}): PersistentVolumeClaim {
  const { volume, storageClass = '', size = '1Gi', modes = ['ReadWriteOnce'], annotations } = facts
  const bound = volume === undefined ? {} : { 'pv.kubernetes.io/bind-completed': 'yes' }
  return anObject(PersistentVolumeClaims, name, {
    metadata: { annotations: { ...bound, ...annotations } },
    spec: {
      accessModes: modes,
      storageClassName: storageClass,
      resources: { requests: { storage: size } },
      ...(volume === undefined ? {} : { volumeName: volume }),
    },
    status: { phase: volume === undefined ? 'Pending' : 'Bound' },
  })
}

interface VolumeFacts {
  on?: string
  storageClass?: string
  size?: string
  labels?: Record<string, string>
  driver?: string
}

function aVolume(name: string, facts: VolumeFacts = {}): PersistentVolume {
  const { on, storageClass = '', size = '1Gi', labels, driver } = facts
  const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: [on ?? ''] }
  return anObject(PersistentVolumes, name, {
    metadata: { ...(labels ? { labels } : {}) },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: size },
      storageClassName: storageClass,
      ...(driver ? { csi: { driver, volumeHandle: `handle-${name}` } } : {}),
      ...(on ? { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } } } : {}),
    },
    status: { phase: 'Available' },
  })
}

const waiting = (name: string, more: Record<string, unknown> = {}) =>
  anObject(StorageClasses, name, { provisioner: 'example.com', volumeBindingMode: 'WaitForFirstConsumer', ...more })

/** Three nodes in two zones, and what else the test needs. */
function nodes(server: FakeServer): void {
  server.add(Nodes, aNode('a', { labels: { [ZONE]: 'z1' } }))
  server.add(Nodes, aNode('b', { labels: { [ZONE]: 'z1' } }))
  server.add(Nodes, aNode('c', { labels: { [ZONE]: 'z2' } }))
}

const NONE_HELPS =
  'no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'

test('claims that no node can satisfy, and how that is said', async () => {
  cluster = await startFakeCluster(server => {
    nodes(server)
    server.add(PersistentVolumeClaims, aClaim('immediate', { storageClass: 'now' }))
    server.add(StorageClasses, anObject(StorageClasses, 'now', { provisioner: 'x', volumeBindingMode: 'Immediate' }))
    server.add(PersistentVolumeClaims, aClaim('nowhere', { volume: 'gone' }))
    server.add(PersistentVolumeClaims, { ...aClaim('lost', { volume: 'v' }), status: { phase: 'Lost' } })
    server.add(StorageClasses, waiting('static', { provisioner: 'kubernetes.io/no-provisioner' }))
    server.add(PersistentVolumeClaims, aClaim('static', { storageClass: 'static' }))
    for (const name of ['missing', 'immediate', 'nowhere', 'lost', 'static']) server.add(Pods, mounting(name, name))
  })
  const saidOf = (name: string): string | undefined => cluster!.scheduled(name)?.message
  // Where no node is asked at all, the plugin for devices has no notes of the pod, and that ends the search for a way.
  const early = (text: string): string => `0/3 nodes are available: ${text}. not found`
  assert.equal(saidOf('missing'), early('persistentvolumeclaim "missing" not found'))
  assert.equal(saidOf('immediate'), early('pod has unbound immediate PersistentVolumeClaims'))
  assert.equal(saidOf('lost'), early('persistentvolumeclaim "lost" bound to non-existent persistentvolume "v"'))
  const unbound = "3 node(s) didn't find available persistent volumes to bind"
  assert.equal(saidOf('static'), `0/3 nodes are available: ${unbound}. ${NONE_HELPS}`)
  assert.equal(saidOf('nowhere'), early('persistentvolume "gone" not found'))
  cluster.server.add(PersistentVolumes, aVolume('gone', { on: 'b' }))
  cluster.server.add(PersistentVolumeClaims, aClaim('missing', { volume: 'gone' }))
  await cluster.settle(10_000)
  assert.equal(cluster.nodeOf('nowhere'), 'b', 'the volume has come')
  assert.equal(cluster.nodeOf('missing'), 'b', 'the claim has come')
})

test('a bound volume keeps its pods on the nodes that reach it', async () => {
  cluster = await startFakeCluster(server => {
    nodes(server)
    server.add(PersistentVolumes, aVolume('v', { on: 'b' }))
    server.add(PersistentVolumeClaims, aClaim('c', { volume: 'v' }))
    server.add(PersistentVolumes, aVolume('elsewhere', { on: 'nowhere' }))
    server.add(PersistentVolumeClaims, aClaim('e', { volume: 'elsewhere' }))
    server.add(Pods, mounting('p', 'c'))
    server.add(Pods, mounting('q', 'e'))
  })
  assert.equal(cluster.nodeOf('p'), 'b')
  assert.match(cluster.scheduled('q')!.message!, /3 node\(s\) didn't match PersistentVolume's node affinity/)
})

test('volumes with labels of a zone', async () => {
  cluster = await startFakeCluster(server => {
    nodes(server)
    server.add(PersistentVolumes, aVolume('v', { labels: { [ZONE]: 'z2' } }))
    server.add(PersistentVolumeClaims, aClaim('c', { volume: 'v' }))
    server.add(PersistentVolumes, aVolume('far', { labels: { [ZONE]: 'z3__z4' } }))
    server.add(PersistentVolumeClaims, aClaim('f', { volume: 'far' }))
    server.add(Pods, mounting('p', 'c'))
    server.add(Pods, mounting('q', 'f'))
  })
  assert.equal(cluster.nodeOf('p'), 'c')
  assert.match(cluster.scheduled('q')!.message!, /3 node\(s\) had no available volume zone/)
})

test('of static volumes the smallest that fits is entered for the claim; the pod waits until both are bound', async () => {
  cluster = await startFakeCluster(server => {
    nodes(server)
    server.add(StorageClasses, waiting('local', { provisioner: 'kubernetes.io/no-provisioner' }))
    server.add(PersistentVolumes, aVolume('big', { on: 'c', size: '100Gi', storageClass: 'local' }))
    server.add(PersistentVolumes, aVolume('fitting', { on: 'c', size: '10Gi', storageClass: 'local' }))
    server.add(PersistentVolumes, aVolume('small', { on: 'a', size: '1Gi', storageClass: 'local' }))
    server.add(PersistentVolumeClaims, aClaim('first', { storageClass: 'local', size: '5Gi' }))
    server.add(PersistentVolumeClaims, aClaim('second', { storageClass: 'local', size: '5Gi' }))
    server.add(Pods, mounting('p', 'first'))
    server.add(Pods, mounting('q', 'second'))
  })
  const volume = (name: string): PersistentVolume => cluster!.server.get(PersistentVolumes, name)!
  assert.equal(cluster.nodeOf('p'), undefined, 'the claim is not bound yet')
  const taken = [volume('fitting'), volume('big')].map(each => each.spec?.claimRef?.name)
  assert.deepEqual(taken, ['first', 'second'], 'two pods do not get the same volume')
  assert.equal(volume('fitting').metadata.annotations?.['pv.kubernetes.io/bound-by-controller'], 'yes')
  assert.equal(volume('fitting').spec?.claimRef?.uid, 'uid-of-first')
  cluster.server.change(PersistentVolumeClaims, 'first', 'default', claim => {
    claim.spec = { ...claim.spec!, volumeName: 'fitting' }
    claim.metadata.annotations = { 'pv.kubernetes.io/bind-completed': 'yes' }
  })
  await cluster.settle()
  assert.equal(cluster.nodeOf('p'), 'c')
  assert.equal(cluster.nodeOf('q'), undefined)
})

test('dynamic provisioning is asked for by the node; where it takes too long the pod is tried again', async () => {
  cluster = await startFakeCluster(server => {
    nodes(server)
    const terms = [{ matchLabelExpressions: [{ key: ZONE, values: ['z2'] }] }]
    server.add(StorageClasses, waiting('fast', { allowedTopologies: terms }))
    server.add(PersistentVolumeClaims, aClaim('c', { storageClass: 'fast' }))
    server.add(Pods, mounting('p', 'c'))
  })
  const claim = cluster.server.get(PersistentVolumeClaims, 'c', 'default')
  assert.equal(claim?.metadata.annotations?.['volume.kubernetes.io/selected-node'], 'c')
  await cluster.settle(599_000)
  assert.equal(cluster.events.length, 0)
  await cluster.settle(1000)
  const failed = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'
  assert.equal(cluster.events[0], `p Warning FailedScheduling: ${failed}`)
  cluster.server.change(PersistentVolumeClaims, 'c', 'default', each => {
    each.spec = { ...each.spec!, volumeName: 'made' }
    each.metadata.annotations = { ...each.metadata.annotations, 'pv.kubernetes.io/bind-completed': 'yes' }
  })
  cluster.server.add(PersistentVolumes, aVolume('made', { on: 'c' }))
  await cluster.settle(10_000)
  assert.equal(cluster.nodeOf('p'), 'c')
})

test('storage capacity: only nodes with room for the volume', async () => {
  cluster = await startFakeCluster(server => {
    nodes(server)
    server.add(StorageClasses, waiting('fast'))
    server.add(CSIDrivers, anObject(CSIDrivers, 'example.com', { spec: { storageCapacity: true } }))
    const capacity = (name: string, zone: string, size: string) =>
      anObject(CSIStorageCapacities, name, {
        storageClassName: 'fast',
        capacity: size,
        nodeTopology: { matchLabels: { [ZONE]: zone } },
      })
    server.add(CSIStorageCapacities, capacity('one', 'z1', '1Gi'))
    server.add(CSIStorageCapacities, capacity('two', 'z2', '10Gi'))
    server.add(PersistentVolumeClaims, aClaim('c', { storageClass: 'fast', size: '5Gi' }))
    server.add(PersistentVolumeClaims, aClaim('huge', { storageClass: 'fast', size: '50Gi' }))
    server.add(Pods, mounting('p', 'c'))
    server.add(Pods, mounting('q', 'huge'))
  })
  const claim = cluster.server.get(PersistentVolumeClaims, 'c', 'default')
  assert.equal(claim?.metadata.annotations?.['volume.kubernetes.io/selected-node'], 'c')
  assert.match(cluster.scheduled('q')!.message!, /3 node\(s\) did not have enough free storage/)
})

test('a node attaches no more volumes of a driver than it can; volumes that are there already take no more room', async () => {
  cluster = await startFakeCluster(server => {
    server.add(Nodes, aNode('n'))
    server.add(
      CSINodes,
      anObject(CSINodes, 'n', { spec: { drivers: [{ name: 'd', nodeID: 'n', allocatable: { count: 2 } }] } }),
    )
    for (const name of ['1', '2', '3']) {
      server.add(PersistentVolumes, aVolume(`v${name}`, { driver: 'd' }))
      server.add(PersistentVolumeClaims, aClaim(`c${name}`, { volume: `v${name}` }))
    }
    server.add(Pods, mounting('p1', 'c1'))
    server.add(Pods, mounting('p2', 'c2'))
    server.add(Pods, mounting('p3', 'c3'))
    server.add(Pods, mounting('again', 'c1'))
  })
  assert.deepEqual(['p1', 'p2', 'p3', 'again'].map(cluster.nodeOf), ['n', 'n', undefined, 'n'])
  assert.match(cluster.scheduled('p3')!.message!, /1 node\(s\) exceed max volume count/)
  cluster.server.remove(Pods, 'p2', 'default')
  await cluster.settle(10_000)
  assert.equal(cluster.nodeOf('p3'), 'n')
})

test('ReadWriteOncePod: one pod of the whole cluster', async () => {
  cluster = await startFakeCluster(server => {
    nodes(server)
    server.add(PersistentVolumes, aVolume('v'))
    server.add(PersistentVolumeClaims, aClaim('c', { volume: 'v', modes: ['ReadWriteOncePod'] }))
    server.add(Pods, mounting('p', 'c'))
    server.add(Pods, mounting('q', 'c'))
  })
  assert.equal(typeof cluster.nodeOf('p'), 'string')
  assert.match(
    cluster.scheduled('q')!.message!,
    /3 node\(s\) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod\./,
  )
  cluster.server.remove(Pods, 'p', 'default')
  await cluster.settle(10_000)
  assert.equal(typeof cluster.nodeOf('q'), 'string')
})

test('disks that pods name outright', async () => {
  const disk = (name: string, volume: Record<string, unknown>): Pod =>
    aPod(name, { spec: { volumes: [{ name: 'd', ...volume }] } })
  cluster = await startFakeCluster(server => {
    server.add(Nodes, aNode('n'))
    server.add(Pods, disk('gce', { gcePersistentDisk: { pdName: 'x' } }))
    server.add(Pods, disk('reader', { gcePersistentDisk: { pdName: 'y', readOnly: true } }))
    server.add(Pods, disk('ebs', { awsElasticBlockStore: { volumeID: 'z', readOnly: true } }))
  })
  cluster.server.add(Pods, disk('gce2', { gcePersistentDisk: { pdName: 'x', readOnly: true } }))
  cluster.server.add(Pods, disk('reader2', { gcePersistentDisk: { pdName: 'y', readOnly: true } }))
  cluster.server.add(Pods, disk('ebs2', { awsElasticBlockStore: { volumeID: 'z', readOnly: true } }))
  await cluster.settle()
  assert.deepEqual(['gce', 'gce2', 'reader2', 'ebs2'].map(cluster.nodeOf), ['n', undefined, 'n', undefined])
  assert.match(cluster.scheduled('ebs2')!.message!, /1 node\(s\) had no available disk/)
})
