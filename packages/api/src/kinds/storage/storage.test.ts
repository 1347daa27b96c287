import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/core.v1.ts'
import type { StorageClass } from '../../generated/storage.v1.ts'
import { testCreate, testUpdate } from '../../testing/validation-table.ts'
import { PersistentVolumeKind } from '../core/persistentvolume.ts'
import { PersistentVolumeClaimKind } from '../core/persistentvolumeclaim.ts'
import { StorageClassKind } from './storageclass.ts'

const metadata = { name: 'data', namespace: 'default' }
const requests = { storage: '1Gi' }
const claim = {
  metadata,
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests } },
} as unknown as PersistentVolumeClaim

testCreate(PersistentVolumeClaimKind, claim, [
  {
    name: 'no access mode',
    change: object => {
      object.spec.accessModes = []
    },
    errors: ['spec.accessModes: Required value: at least 1 access mode is required'],
  },
  {
    name: 'no size',
    change: object => {
      object.spec.resources = {}
    },
    errors: ['spec.resources[storage]: Required value'],
  },
  {
    name: 'unknown access mode',
    change: object => {
      object.spec.accessModes = ['X']
    },
    errors: [
      'spec.accessModes: Unsupported value: "X": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    ],
  },
])

testUpdate(PersistentVolumeClaimKind, claim, [
  {
    name: 'volume is bound',
    change: object => {
      object.spec.volumeName = 'pv'
    },
    errors: [],
  },
  {
    name: 'size before it is bound',
    change: object => {
      object.spec.resources = { requests: { storage: '2Gi' } }
    },
    errors: [
      'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n- resources.requests.storage: "1Gi"\n+ resources.requests.storage: "2Gi"',
    ],
  },
])

const volume = {
  metadata: { name: 'pv' },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/data' } },
} as unknown as PersistentVolume

testCreate(PersistentVolumeKind, volume, [
  {
    name: 'no source',
    change: object => {
      delete object.spec.hostPath
    },
    errors: ['spec: Required value: must specify a volume type'],
  },
  {
    name: 'two sources',
    change: object => {
      object.spec.nfs = { server: 'a', path: '/b' }
    },
    errors: ['spec.nfs: Forbidden: may not specify more than 1 volume type'],
  },
  {
    name: 'no capacity',
    change: object => {
      delete object.spec.capacity
    },
    errors: ['spec.capacity: Required value'],
  },
])

testUpdate(PersistentVolumeKind, volume, [
  {
    name: 'source',
    change: object => {
      object.spec.hostPath = { path: '/other' }
    },
    errors: [
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n- hostPath.path: "/data"\n+ hostPath.path: "/other"',
    ],
  },
])

const storageClass = { metadata: { name: 'fast' }, provisioner: 'example.com/fast' } as unknown as StorageClass

testCreate(StorageClassKind, storageClass, [
  {
    name: 'no provisioner',
    change: object => {
      object.provisioner = ''
    },
    errors: ['provisioner: Required value'],
  },
  {
    name: 'unknown binding mode',
    change: object => {
      object.volumeBindingMode = 'X'
    },
    errors: ['volumeBindingMode: Unsupported value: "X": supported values: "Immediate", "WaitForFirstConsumer"'],
  },
])

testUpdate(StorageClassKind, storageClass, [
  {
    name: 'parameters',
    change: object => {
      object.parameters = { a: 'b' }
    },
    errors: ['parameters: Forbidden: updates to parameters are forbidden.'],
  },
])

test('a volume tells when it came into its phase', () => {
  const { prepareForStatusUpdate: prepare } = PersistentVolumeKind.strategy
  const inPhase = (phase: string, lastPhaseTransitionTime?: string) =>
    ({
      metadata: { name: 'pv' },
      spec: {},
      status: { phase, ...(lastPhaseTransitionTime ? { lastPhaseTransitionTime } : {}) },
    }) as unknown as PersistentVolume
  const timeAfter = (next: PersistentVolume, old: PersistentVolume): string | undefined => {
    prepare!(next, old, { now: 'now' })
    return next.status?.lastPhaseTransitionTime
  }
  assert.equal(timeAfter(inPhase('Bound'), inPhase('Available', 'then')), 'now')
  assert.equal(timeAfter(inPhase('Bound', 'then'), inPhase('Available', 'then')), 'now')
  assert.equal(timeAfter(inPhase('Bound', 'told'), inPhase('Available', 'then')), 'told')
  assert.equal(timeAfter(inPhase('Bound', 'then'), inPhase('Bound', 'then')), 'then')
})
