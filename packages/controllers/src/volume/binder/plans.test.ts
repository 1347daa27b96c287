import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { StorageClass } from '@canopus/api/storage/v1'
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, PROVISIONED_BY, SELECTED_NODE } from '../annotations.ts'
import { claimBoundTo, claimInPhase, unboundVolume, volumeBoundTo } from './changes.ts'
import { type ClaimPlan, planClaim } from './claim-plan.ts'
import { findMatch } from './matching.ts'
import { claimOf, classNamed, volumeOf } from './testing.ts'
import { planVolume, type VolumePlan } from './volume-plan.ts'

const reserved = { claimRef: { name: 'data', namespace: 'default' } }
const bound = { claimRef: { ...reserved.claimRef, uid: 'c1' } }
const others = { claimRef: { name: 'data', namespace: 'default', uid: 'older' } }

const matching: [string, PersistentVolumeClaim, PersistentVolume[], string | undefined][] = [
  [
    'the smallest that is big enough',
    claimOf({ resources: { requests: { storage: '2Gi' } } }),
    [
      volumeOf('five', { capacity: { storage: '5Gi' } }),
      volumeOf('one'),
      volumeOf('three', { capacity: { storage: '3Gi' } }),
    ],
    'three',
  ],
  ['none is big enough', claimOf({ resources: { requests: { storage: '2Gi' } } }), [volumeOf('one')], undefined],
  ['the first by name of equals', claimOf(), [volumeOf('b'), volumeOf('a')], 'a'],
  [
    'all access modes that are asked for',
    claimOf({ accessModes: ['ReadWriteMany'] }),
    [volumeOf('once'), volumeOf('many', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] })],
    'many',
  ],
  [
    'rather no access modes beyond them, though it is bigger',
    claimOf(),
    [
      volumeOf('many', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }),
      volumeOf('once', { capacity: { storage: '9Gi' } }),
    ],
    'once',
  ],
  [
    'of the same class',
    claimOf({ storageClassName: 'fast' }),
    [volumeOf('plain'), volumeOf('fast', { storageClassName: 'fast' })],
    'fast',
  ],
  ['of no class where none is asked for', claimOf(), [volumeOf('fast', { storageClassName: 'fast' })], undefined],
  [
    'the older annotation names the class too',
    claimOf({}, { annotations: { 'volume.beta.kubernetes.io/storage-class': 'fast' } }),
    [volumeOf('fast', { storageClassName: 'fast' })],
    'fast',
  ],
  [
    'of the same volume mode',
    claimOf({ volumeMode: 'Block' }),
    [volumeOf('files'), volumeOf('block', { volumeMode: 'Block' })],
    'block',
  ],
  [
    'with the selected labels',
    claimOf({ selector: { matchLabels: { disk: 'ssd' } } }),
    [volumeOf('plain'), volumeOf('ssd', {}, { labels: { disk: 'ssd' } })],
    'ssd',
  ],
  ['not one that is reserved for another', claimOf(), [volumeOf('a', others)], undefined],
  [
    'one that is reserved for it, before smaller ones',
    claimOf(),
    [volumeOf('a'), volumeOf('b', { ...reserved, capacity: { storage: '2Gi' } })],
    'b',
  ],
  ['even of another class', claimOf(), [volumeOf('a', { ...reserved, storageClassName: 'other' })], 'a'],
  [
    'but not one that is too small',
    claimOf({ resources: { requests: { storage: '2Gi' } } }),
    [volumeOf('a', reserved)],
    undefined,
  ],
  ['not one that is not available yet', claimOf(), [volumeOf('a', {}, { phase: 'Pending' })], undefined],
  ['not one that is going', claimOf(), [volumeOf('a', {}, { deletionTimestamp: 'now' })], undefined],
  [
    'of the same attributes class',
    claimOf({ volumeAttributesClassName: 'gold' }),
    [volumeOf('a'), volumeOf('b', { volumeAttributesClassName: 'gold' })],
    'b',
  ],
]
for (const [name, claim, volumes, expected] of matching) {
  test(`match: ${name}`, () => assert.equal(findMatch(claim, volumes, false)?.metadata.name, expected))
}

test('match: free volumes are left to the scheduler where binding is delayed, reserved ones are not', () => {
  assert.equal(findMatch(claimOf(), [volumeOf('a')], true), undefined)
  assert.equal(findMatch(claimOf(), [volumeOf('a'), volumeOf('b', reserved)], true)?.metadata.name, 'b')
})

interface Around {
  volumes?: PersistentVolume[]
  classes?: StorageClass[]
  pods?: string[]
}

function short(plan: ClaimPlan): string {
  const rest =
    'volume' in plan
      ? plan.volume.metadata.name
      : 'className' in plan
        ? plan.className
        : 'provisioner' in plan
          ? plan.provisioner
          : ''
  const event = 'event' in plan && plan.event ? `${plan.event.type} ${plan.event.reason}: ${plan.event.message}` : ''
  return [plan.action, rest, event].filter(each => each !== '').join(' ')
}

const delayed = classNamed('late', { volumeBindingMode: 'WaitForFirstConsumer' })
const standard = (name: string, creationTimestamp: string): StorageClass => {
  const storageClass = classNamed(name, { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } })
  return { ...storageClass, metadata: { ...storageClass.metadata, creationTimestamp } }
}
const { storageClassName: _, ...unnamed } = claimOf().spec

const claims: [string, PersistentVolumeClaim, Around, string][] = [
  ['a volume fits', claimOf(), { volumes: [volumeOf('a')] }, 'bind a'],
  [
    'none fits and there is no class',
    claimOf(),
    {},
    'pend Normal FailedBinding: no persistent volumes available for this claim and no storage class is set',
  ],
  [
    'a class that makes volumes',
    claimOf({ storageClassName: 'fast' }),
    { classes: [classNamed('fast')] },
    'provision example.com/disks',
  ],
  [
    'a class that is not there',
    claimOf({ storageClassName: 'fast' }),
    {},
    'tell Warning ProvisioningFailed: storageclass.storage.k8s.io "fast" not found',
  ],
  [
    'a class that makes none',
    claimOf({ storageClassName: 'fast' }),
    { classes: [classNamed('fast', { provisioner: 'kubernetes.io/no-provisioner' })] },
    'tell Warning ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner',
  ],
  [
    'no word about a class: the newest default',
    { ...claimOf(), spec: unnamed },
    { classes: [standard('old', '2026-01-01T00:00:00Z'), standard('new', '2026-02-01T00:00:00Z'), classNamed('x')] },
    'assign-class new',
  ],
  [
    'the empty class is a word',
    claimOf(),
    { classes: [standard('new', '2026-02-01T00:00:00Z')] },
    'pend Normal FailedBinding: no persistent volumes available for this claim and no storage class is set',
  ],
  [
    'delayed, no pod',
    claimOf({ storageClassName: 'late' }),
    { classes: [delayed], volumes: [volumeOf('a', { storageClassName: 'late' })] },
    'pend Normal WaitForFirstConsumer: waiting for first consumer to be created before binding',
  ],
  [
    'delayed, a pod without a node',
    claimOf({ storageClassName: 'late' }),
    { classes: [delayed], pods: ['web-0'] },
    'pend Normal WaitForPodScheduled: waiting for pod web-0 to be scheduled',
  ],
  [
    'delayed, two of them',
    claimOf({ storageClassName: 'late' }),
    { classes: [delayed], pods: ['a', 'b'] },
    'pend Normal WaitForPodScheduled: waiting for pods a,b to be scheduled',
  ],
  [
    'delayed, and the scheduler has chosen a node',
    claimOf({ storageClassName: 'late' }, { annotations: { [SELECTED_NODE]: 'n1' } }),
    { classes: [delayed] },
    'provision example.com/disks',
  ],
  ['the volume asked for', claimOf({ volumeName: 'a' }), { volumes: [volumeOf('a')] }, 'bind a'],
  ['the volume asked for is not there', claimOf({ volumeName: 'a' }), {}, 'pend'],
  [
    'the volume asked for does not fit',
    claimOf({ volumeName: 'a', accessModes: ['ReadWriteMany'] }),
    { volumes: [volumeOf('a')] },
    'pend Warning VolumeMismatch: Cannot bind to requested volume "a": incompatible accessMode',
  ],
  [
    'the volume asked for is reserved for it',
    claimOf({ volumeName: 'a' }),
    { volumes: [volumeOf('a', reserved)] },
    'bind a',
  ],
  [
    "the volume asked for is another's",
    claimOf({ volumeName: 'a' }),
    { volumes: [volumeOf('a', others)] },
    'pend Warning FailedBinding: volume "a" already bound to a different claim.',
  ],
  [
    'the same, where the controller had chosen it',
    claimOf({ volumeName: 'a' }, { annotations: { [BOUND_BY_CONTROLLER]: 'yes' } }),
    { volumes: [volumeOf('a', others)] },
    'tell Warning FailedBinding: volume "a" already bound to a different claim.',
  ],
  [
    'bound, all is well',
    claimOf({ volumeName: 'a' }, { annotations: { [BIND_COMPLETED]: 'yes' } }),
    { volumes: [volumeOf('a', bound)] },
    'bind a',
  ],
  [
    'bound, the volume has lost its reference',
    claimOf({ volumeName: 'a' }, { annotations: { [BIND_COMPLETED]: 'yes' } }),
    { volumes: [volumeOf('a')] },
    'bind a',
  ],
  [
    'bound, without a volume',
    claimOf({}, { annotations: { [BIND_COMPLETED]: 'yes' } }),
    {},
    'lose Warning ClaimLost: Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
  ],
  [
    'bound, the volume is gone',
    claimOf({ volumeName: 'a' }, { annotations: { [BIND_COMPLETED]: 'yes' } }),
    {},
    'lose Warning ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
  ],
  [
    "bound, the volume is another's",
    claimOf({ volumeName: 'a' }, { annotations: { [BIND_COMPLETED]: 'yes' } }),
    { volumes: [volumeOf('a', others)] },
    'lose Warning ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly',
  ],
]
for (const [name, claim, { volumes = [], classes = [], pods = [] }, expected] of claims) {
  test(`claim: ${name}`, () => {
    const plan = planClaim(claim, {
      volume: each => volumes.find(volume => volume.metadata.name === each),
      candidates: () => volumes,
      storageClasses: () => classes,
      waitingPods: () => pods,
    })
    assert.equal(short(plan), expected)
  })
}

const mine = { annotations: { [BOUND_BY_CONTROLLER]: 'yes' } }
const made = { annotations: { [PROVISIONED_BY]: 'example.com/disks' } }
const volumes: [string, PersistentVolume, PersistentVolumeClaim | undefined, VolumePlan['action'], string?][] = [
  ['free', volumeOf('a'), undefined, 'available'],
  ['reserved by a user', volumeOf('a', reserved), undefined, 'available'],
  ['bound', volumeOf('a', bound), claimOf({ volumeName: 'a' }), 'bound'],
  ['its claim does not know yet', volumeOf('a', bound), claimOf(), 'await-claim'],
  ['its claim wants a device', volumeOf('a', bound), claimOf({ volumeMode: 'Block' }), 'mismatch'],
  ['its claim went elsewhere', volumeOf('a', bound, mine), claimOf({ volumeName: 'b' }), 'unbind'],
  [
    'made for a claim that went elsewhere',
    volumeOf('a', { ...bound, persistentVolumeReclaimPolicy: 'Delete' }, made),
    claimOf({ volumeName: 'b' }),
    'release',
  ],
  ['made for it, and to be kept', volumeOf('a', bound, made), claimOf({ volumeName: 'b' }), 'unbind'],
  ['its claim is gone', volumeOf('a', bound), undefined, 'release'],
  [
    'the same, its provisioner removes it',
    volumeOf('a', { ...bound, persistentVolumeReclaimPolicy: 'Delete' }, made),
    undefined,
    'release',
  ],
  [
    'the same, a CSI driver removes it',
    volumeOf('a', { ...bound, persistentVolumeReclaimPolicy: 'Delete', csi: { driver: 'd', volumeHandle: 'h' } }),
    undefined,
    'release',
  ],
  [
    'nobody can remove it',
    volumeOf('a', { ...bound, persistentVolumeReclaimPolicy: 'Delete' }),
    undefined,
    'release',
    'VolumeFailedDelete: error getting deleter volume plugin for volume "a": no deletable volume plugin matched',
  ],
  [
    'nobody can empty it',
    volumeOf('a', { ...bound, persistentVolumeReclaimPolicy: 'Recycle' }),
    undefined,
    'release',
    'VolumeFailedRecycle: No recycler plugin found for the volume!',
  ],
]
for (const [name, volume, claim, action, failure] of volumes) {
  test(`volume: ${name}`, () => {
    const plan = planVolume(volume, claim)
    assert.equal(plan.action, action)
    const event = plan.action === 'release' ? plan.failure : undefined
    assert.equal(event && `${event.reason}: ${event.message}`, failure)
  })
}

test('a choice of the controller is marked as such on both, a user’s is not', () => {
  assert.equal(volumeBoundTo(volumeOf('a'), claimOf())?.metadata.annotations?.[BOUND_BY_CONTROLLER], 'yes')
  const prebound = volumeBoundTo(volumeOf('a', reserved), claimOf())!
  assert.deepEqual([prebound.spec.claimRef?.uid, prebound.metadata.annotations], ['c1', undefined])
  assert.equal(volumeBoundTo(volumeOf('a', bound), claimOf()), undefined)
  assert.deepEqual(claimBoundTo(claimOf(), volumeOf('a'))?.metadata.annotations, {
    [BOUND_BY_CONTROLLER]: 'yes',
    [BIND_COMPLETED]: 'yes',
  })
  const asked = claimBoundTo(claimOf({ volumeName: 'a' }), volumeOf('a'))!
  assert.deepEqual(asked.metadata.annotations, { [BIND_COMPLETED]: 'yes' })
  assert.equal(claimBoundTo(asked, volumeOf('a')), undefined)
})

test('a volume is given back as far as the controller had taken it', () => {
  assert.equal(unboundVolume(volumeOf('a', bound, mine)).spec.claimRef, undefined)
  assert.deepEqual(unboundVolume(volumeOf('a', bound)).spec.claimRef, reserved.claimRef)
})

test('a claim tells what its volume offers; the size changes by expansion alone once it is bound', () => {
  const big = volumeOf('a', { capacity: { storage: '5Gi' } })
  const now = claimInPhase(claimOf({ volumeName: 'a' }), 'Bound', big)!
  assert.deepEqual(now.status, { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '5Gi' } })
  assert.equal(claimInPhase(now, 'Bound', volumeOf('a', { capacity: { storage: '9Gi' } })), undefined)
  assert.deepEqual(claimInPhase(now, 'Lost')?.status, { phase: 'Lost' })
})
