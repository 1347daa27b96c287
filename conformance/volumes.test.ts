/**
 * A volume and a claim of a CSI driver, from creation to deletion, as upstream's conformance tests drive them with all controllers
 * running. `tests/sig-storage.txt` names this file as evidence.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PersistentVolumeClaims, PersistentVolumes } from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { startCluster, type TestCluster } from '@canopus/testing'

const namespace = 'default'
const CLASS = 'conformance'
const LABELS = { e2e: 'volumes' }
const labelSelector = 'e2e=volumes'

let cluster: TestCluster
const volumes = () => cluster.client.resource(PersistentVolumes)
const claims = () => cluster.client.resource(PersistentVolumeClaims)

const createVolume = (name: string): Promise<PersistentVolume> =>
  volumes().create({
    metadata: { name, labels: LABELS },
    spec: {
      storageClassName: CLASS,
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Delete',
      csi: { driver: 'conformance.example.com', volumeHandle: `handle-${name}` },
    },
  })
const createClaim = (name: string): Promise<PersistentVolumeClaim> =>
  claims().create({
    metadata: { name, namespace, labels: LABELS },
    spec: {
      storageClassName: CLASS,
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
    },
  })

/** Reads again until it holds. By time, not by attempts: a fast machine would be through with them before a controller tries again. */
async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (const end = Date.now() + 60_000; ; ) {
    const value = await read()
    if (holds(value)) return value
    assert.ok(Date.now() < end, JSON.stringify(value))
    await new Promise(resolve => setImmediate(resolve))
  }
}
const orNothing = async <T>(read: Promise<T>): Promise<T | undefined> => {
  try {
    return await read
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 404) return undefined
    throw error
  }
}
const claim = (name: string) => orNothing(claims().get(name, { namespace }))
const volume = (name: string) => orNothing(volumes().get(name))

describe('volumes and claims', () => {
  before(async () => {
    cluster = await startCluster()
  })
  after(() => cluster.stop())

  it('live', async () => {
    await createVolume('one')
    await createClaim('one')
    const bound = await until(
      () => claim('one'),
      each => each?.status?.phase === 'Bound',
    )
    assert.equal(bound?.spec.volumeName, 'one')
    assert.equal((await volumes().list({ labelSelector })).items.length, 1)
    assert.equal((await claims().list({ namespace, labelSelector })).items.length, 1)
    const patch = { metadata: { labels: { patched: 'yes' } } }
    assert.equal((await volumes().patch('one', 'merge', patch)).metadata.labels?.patched, 'yes')
    assert.equal((await claims().patch('one', 'merge', patch, { namespace })).metadata.labels?.patched, 'yes')
    await claims().delete('one', { namespace })
    await until(
      () => claim('one'),
      each => each === undefined,
    )
    // The driver is to remove what is behind it, and then the object.
    await until(
      () => volume('one'),
      each => each?.status?.phase === 'Released',
    )
    await volumes().delete('one')
    await until(
      () => volume('one'),
      each => each === undefined,
    )

    await createVolume('two')
    await createClaim('two')
    await until(
      () => claim('two'),
      each => each?.status?.phase === 'Bound',
    )
    const current = await until(
      () => volume('two'),
      each => each?.status?.phase === 'Bound',
    )
    const updated = { ...current!, metadata: { ...current!.metadata, labels: { ...LABELS, updated: 'yes' } } }
    assert.equal((await volumes().update(updated)).metadata.labels?.updated, 'yes')
    await claims().deleteCollection({ namespace, labelSelector })
    await until(
      () => claim('two'),
      each => each === undefined,
    )
    await volumes().deleteCollection({ labelSelector })
    await until(
      () => volume('two'),
      each => each === undefined,
    )
  })

  it('have a status that can be read, patched and updated', async () => {
    await createVolume('three')
    await createClaim('three')
    await until(
      () => claim('three'),
      each => each?.status?.phase === 'Bound',
    )
    const read = await volumes().subresource<PersistentVolume>('three', 'status')
    assert.equal(read.status?.phase, 'Bound')
    const told = await volumes().patch(
      'three',
      'merge',
      { status: { message: 'patched', reason: 'Patched' } },
      { subresource: 'status' },
    )
    assert.deepEqual([told.status?.message, told.status?.reason], ['patched', 'Patched'])
    assert.equal(
      (await volumes().updateStatus({ ...told, status: { ...told.status, message: 'updated' } })).status?.message,
      'updated',
    )
    const condition = { type: 'StatusPatched', status: 'True', reason: 'Patched', message: 'by a test' }
    const patched = await claims().patch(
      'three',
      'merge',
      { status: { conditions: [condition] } },
      { namespace, subresource: 'status' },
    )
    assert.equal(patched.status?.conditions?.[0]?.type, 'StatusPatched')
    const again = [...patched.status!.conditions!, { ...condition, type: 'StatusUpdated' }]
    const updated = await claims().updateStatus({ ...patched, status: { ...patched.status, conditions: again } })
    assert.equal(updated.status?.conditions?.length, 2)
    assert.equal(updated.status?.phase, 'Bound')
  })
})
