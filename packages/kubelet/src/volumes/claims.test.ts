import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { PersistentVolumeClaims, PersistentVolumes } from '@canopus/api'
import type { PersistentVolumeClaim, PersistentVolumeSpec, Pod, PodSpec } from '@canopus/api/core/v1'
import { SeededRandom, SimulatedClock } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import type { DownwardFacts } from '../env/downward.ts'
import type { ReferencedObjects } from '../env/environment.ts'
import { readOnlyVolumes } from './claims.ts'
import { containerMounts } from './mounts.ts'
import type { TokenCache } from './service-account-token.ts'
import { PodVolumesError, Volumes } from './volumes.ts'

function makeWorld(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-claims-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const clock = new SimulatedClock()
  const server = createFakeServer({ clock })
  const client = createClient(server)
  const tokens = { forget() {} } as unknown as TokenCache
  const nodeLabels = () => ({ zone: 'z1' })
  const options = { root: join(directory, 'kubelet'), nodeLabels, clock, random: new SeededRandom(1), tokens, client }
  let volumes = new Volumes(options)
  const data = join(directory, 'data')
  mkdirSync(data)
  return {
    server,
    data,
    restart: () => {
      volumes = new Volumes(options)
    },
    prepare: (pod: Pod) => volumes.prepare(pod, {} as ReferencedObjects, {} as DownwardFacts),
    unmount: (pod: Pod) => volumes.unmount(pod.metadata.uid),
    claim: (more: Partial<PersistentVolumeClaim> = {}) =>
      server.add(PersistentVolumeClaims, {
        metadata: { name: 'claim', namespace: 'default', uid: 'c1' },
        spec: { volumeName: 'pv' },
        status: { phase: 'Bound' },
        ...more,
      }),
    volume: (spec: Partial<PersistentVolumeSpec> = {}) =>
      server.add(PersistentVolumes, {
        metadata: { name: 'pv' },
        spec: { claimRef: { name: 'claim', namespace: 'default', uid: 'c1' }, local: { path: data }, ...spec },
      }),
  }
}

const podWith = (
  spec: Partial<PodSpec> = {},
  volume: object = { persistentVolumeClaim: { claimName: 'claim' } },
): Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'p1' } as Pod['metadata'],
  spec: {
    containers: [{ name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
    volumes: [{ name: 'v', ...volume }],
    ...spec,
  },
})

const inZone = (zone: string) => ({ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] })
const HEAD =
  'Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: '
const failures: [string, (world: ReturnType<typeof makeWorld>) => Pod, string][] = [
  [
    'no claim',
    () => podWith(),
    `${HEAD}error processing PVC default/claim: failed to fetch PVC from API server: persistentvolumeclaims "claim" not found`,
  ],
  [
    'not bound',
    ({ claim }) => {
      claim({ spec: {}, status: { phase: 'Pending' } })
      return podWith()
    },
    `${HEAD}error processing PVC default/claim: PVC is not bound`,
  ],
  [
    'going',
    ({ claim }) => {
      claim({ metadata: { name: 'claim', namespace: 'default', uid: 'c1', deletionTimestamp: 'now' } as never })
      return podWith()
    },
    `${HEAD}error processing PVC default/claim: PVC is being deleted`,
  ],
  [
    'no volume',
    ({ claim }) => {
      claim()
      return podWith()
    },
    `${HEAD}error processing PVC default/claim: failed to fetch PV pv from API server: persistentvolumes "pv" not found`,
  ],
  [
    "another's volume",
    ({ claim, volume }) => {
      claim()
      volume({ claimRef: { name: 'claim', namespace: 'default', uid: 'c0' } })
      return podWith()
    },
    `${HEAD}error processing PVC default/claim: found PV object pv with a pv.Spec.ClaimRef.UID c0 that does not point to claim.UID c1`,
  ],
  [
    'a device as files',
    ({ claim, volume }) => {
      claim()
      volume({ volumeMode: 'Block' })
      return podWith()
    },
    `${HEAD}error processing PVC default/claim: volume v has volumeMode Block, but is specified in volumeMounts`,
  ],
  [
    'a device',
    ({ claim, volume }) => {
      claim()
      volume({ volumeMode: 'Block' })
      return podWith({ containers: [{ name: 'c', volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] }] })
    },
    `${HEAD}error processing PVC default/claim: volume v has volumeMode Block, which this node does not support`,
  ],
  [
    "a template's claim that is another's",
    ({ claim }) => {
      claim({ metadata: { name: 'web-v', namespace: 'default', uid: 'c1' } as never })
      return podWith({}, { ephemeral: {} })
    },
    `${HEAD}error processing PVC default/web-v: PVC default/web-v was not created for pod default/web (pod is not owner)`,
  ],
  [
    'no directory',
    ({ claim, volume }) => {
      claim()
      volume({ local: { path: '/not/there' } })
      return podWith()
    },
    'MountVolume.SetUp failed for volume "pv" : path "/not/there" does not exist',
  ],
  [
    'a volume of another node',
    ({ claim, volume }) => {
      claim()
      volume({ nodeAffinity: { required: { nodeSelectorTerms: [{}, inZone('z2')] } } })
      return podWith()
    },
    'MountVolume.NodeAffinity check failed for volume "pv" : no matching NodeSelectorTerms',
  ],
  [
    'a kind of volume that is not known',
    ({ claim, volume }) => {
      claim()
      volume({ local: undefined, nfs: { server: 's', path: '/' } } as never)
      return podWith()
    },
    'MountVolume.SetUp failed for volume "pv" : no volume plugin matched',
  ],
]
for (const [name, pod, message] of failures)
  test(`claims: ${name}`, async t => {
    const world = makeWorld(t)
    const error = await world.prepare(pod(world)).catch((each: unknown) => each)
    assert.ok(error instanceof PodVolumesError)
    assert.equal(error.message, message)
    assert.deepEqual(error.unmounted, ['v'])
  })

test('a bound claim is its directory, and stays so while the pod runs', async t => {
  const { prepare, claim, volume, data, server } = makeWorld(t)
  claim()
  volume({ nodeAffinity: { required: { nodeSelectorTerms: [inZone('z2'), inZone('z1')] } } })
  const pod = podWith()
  assert.deepEqual(await prepare(pod), new Map([['v', data]]))
  server.remove(PersistentVolumeClaims, 'claim', 'default')
  assert.deepEqual(await prepare(pod), new Map([['v', data]]))
})

test('a claim that no container uses is not waited for', async t => {
  assert.deepEqual(await makeWorld(t).prepare(podWith({ containers: [{ name: 'c' }] })), new Map())
})

test('a claim that is to be read only is so in every container', () => {
  const pod = podWith({}, { persistentVolumeClaim: { claimName: 'claim', readOnly: true } })
  const mounts = containerMounts(pod.spec.containers[0]!, new Map([['v', '/d']]), new Map(), readOnlyVolumes(pod))
  assert.equal(mounts[0]!.readonly, true)
  assert.equal(readOnlyVolumes(podWith()).size, 0)
})

test('fsGroup: all belongs to the group once the pod begins, links are left; not again while it runs', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async t => {
  const { prepare, claim, volume, data, restart, unmount } = makeWorld(t)
  claim()
  volume()
  mkdirSync(join(data, 'sub'), { mode: 0o700 })
  writeFileSync(join(data, 'sub', 'file'), 'x', { mode: 0o600 })
  symlinkSync('/etc/hostname', join(data, 'link'))
  const target = statSync('/etc/hostname')
  const pod = podWith({ securityContext: { fsGroup: 4321 } })
  await prepare(pod)
  const look = (path: string) => [
    lstatSync(join(data, path)).gid,
    (lstatSync(join(data, path)).mode & 0o7777).toString(8),
  ]
  assert.deepEqual(look('sub'), [4321, '2770'])
  assert.deepEqual(look('sub/file'), [4321, '660'])
  assert.equal(look('link')[0], 4321)
  assert.deepEqual([statSync('/etc/hostname').gid, statSync('/etc/hostname').mode], [target.gid, target.mode])
  chownSync(join(data, 'sub/file'), 7, 7)
  restart()
  await prepare(pod)
  assert.equal(look('sub/file')[0], 7)
  // Another pod that asks for a look at the root alone finds it right; one that does not, goes through all.
  await unmount(pod)
  const { securityContext: _, ...rest } = pod.spec
  await prepare({
    ...pod,
    spec: { ...rest, securityContext: { fsGroup: 4321, fsGroupChangePolicy: 'OnRootMismatch' } },
  })
  assert.equal(look('sub/file')[0], 7)
  await unmount(pod)
  await prepare(pod)
  assert.equal(look('sub/file')[0], 4321)
  chmodSync(data, 0o777)
})
