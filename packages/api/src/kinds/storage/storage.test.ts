import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/core.v1.ts'
import type { CSIDriver, CSINode, StorageClass, VolumeAttachment } from '../../generated/storage.v1.ts'
import { testCreate, testUpdate } from '../../testing/validation-table.ts'
import { PersistentVolumeKind } from '../core/persistentvolume.ts'
import { PersistentVolumeClaimKind } from '../core/persistentvolumeclaim.ts'
import { CSIDriverKind } from './csidriver.ts'
import { CSINodeKind } from './csinode.ts'
import { StorageClassKind } from './storageclass.ts'
import { VolumeAttachmentKind } from './volumeattachment.ts'

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
    name: 'a source of no group',
    change: object => {
      object.spec.dataSourceRef = { kind: 'Thing', name: 'x' }
    },
    errors: [
      `spec.dataSource: Invalid value: "Thing": must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
      `spec.dataSourceRef: Invalid value: "Thing": must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
    ],
  },
  {
    name: 'two sources that differ',
    change: object => {
      object.spec.dataSource = { kind: 'PersistentVolumeClaim', name: 'x' }
      object.spec.dataSourceRef = { kind: 'PersistentVolumeClaim', name: 'y' }
    },
    errors: ['spec: Invalid value: {}: must match dataSourceRef'],
  },
  {
    name: 'a source of a kind that is dropped',
    change: object => {
      object.spec.dataSource = { apiGroup: 'example.com', kind: 'Thing', name: 'x' }
    },
    errors: [],
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
      `spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims
@@ -6,7 +6,7 @@
  "Resources": {
   "Limits": null,
   "Requests": {
-   "storage": "1Gi"
+   "storage": "2Gi"
   }
  },
  "VolumeName": "",
`,
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
    name: 'two sources, of which the second is named first',
    change: object => {
      const { hostPath, ...rest } = object.spec
      object.spec = { cephfs: { monitors: ['m'] }, ...rest, hostPath: hostPath! }
    },
    errors: ['spec.cephFS: Forbidden: may not specify more than 1 volume type'],
  },
  {
    name: 'sources of old drivers, that need more than those in pods',
    change: object => {
      delete object.spec.hostPath
      object.spec.iscsi = { targetPortal: 'a', iqn: 'x', initiatorName: 'y', lun: 300, secretRef: {} } as never
    },
    errors: [
      'spec.iscsi.iqn: Invalid value: "x": must be valid format',
      'spec.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive',
      'spec.iscsi.secretRef.name: Required value',
      'spec.iscsi.initiatorname: Invalid value: "y": must be valid format',
    ],
  },
  {
    name: 'a secret of a namespace that is not said',
    change: object => {
      delete object.spec.hostPath
      object.spec.cinder = { volumeID: 'v', secretRef: { name: 's' } }
    },
    errors: ['spec.cinder.secretRef.namespace: Required value'],
  },
  {
    name: 'options of mounts by an annotation',
    change: object => {
      object.metadata.annotations = { 'volume.beta.kubernetes.io/mount-options': 'ro' }
    },
    errors: [
      'metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: may not specify mount options for this volume type',
    ],
  },
  {
    name: 'no capacity',
    change: object => {
      delete object.spec.capacity
    },
    errors: ['spec.capacity: Required value', 'spec.capacity: Unsupported value: null: supported values: "storage"'],
  },
])

testCreate(PersistentVolumeKind, volume, [
  {
    name: 'a driver with half a secret',
    change: object => {
      delete object.spec.hostPath
      object.spec.csi = { driver: 'a/b', volumeHandle: '', nodePublishSecretRef: { name: 'x' } }
    },
    errors: [
      `spec.csi.driver: Invalid value: "a/b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'spec.csi.volumeHandle: Required value',
      'spec.csi.nodePublishSecretRef.namespace: Required value',
    ],
  },
  {
    name: 'attributes without a driver',
    change: object => {
      object.spec.volumeAttributesClassName = 'fast'
    },
    errors: ['spec.csi: Required value: has to be specified when using volumeAttributesClassName'],
  },
])

const local = structuredClone(volume)
delete local.spec.hostPath
local.spec.local = { path: '/data' }
const onNode = (key: string) => ({
  required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values: ['a'] }] }] },
})
local.spec.nodeAffinity = onNode('failure-domain.beta.kubernetes.io/zone')

testUpdate(PersistentVolumeKind, local, [
  {
    name: 'the present name of a label',
    change: object => {
      object.spec.nodeAffinity = onNode('topology.kubernetes.io/zone')
    },
    errors: [],
  },
  {
    name: 'another label',
    change: object => {
      object.spec.nodeAffinity = onNode('rack')
    },
    errors: [
      'nodeAffinity: Invalid value: {"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"rack","operator":"In","values":["a"]}]}]}}: field is immutable, except for updating from beta label to GA',
    ],
  },
])

const attachment = {
  metadata: { name: 'a' },
  spec: { attacher: 'driver', nodeName: 'node', source: { persistentVolumeName: 'pv' } },
} as unknown as VolumeAttachment

testCreate(VolumeAttachmentKind, attachment, [
  {
    name: 'a volume of its own that is none',
    change: object => {
      object.spec.source = {
        inlineVolumeSpec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/' } },
      }
    },
    errors: [
      'spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes',
      'spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes',
    ],
  },
])

const driver = { metadata: { name: 'driver' }, spec: { tokenRequests: [{ audience: '' }] } } as CSIDriver

testCreate(CSIDriverKind, driver, [
  {
    name: 'tokens in secrets without tokens',
    change: object => {
      object.spec = { serviceAccountTokenInSecrets: true, nodeAllocatableUpdatePeriodSeconds: 5 }
    },
    errors: [
      'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 5: must be greater than or equal to 10 seconds',
      'spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified',
    ],
  },
])

const csiNode = {
  metadata: { name: 'node' },
  spec: { drivers: [{ name: 'driver', nodeID: 'a', topologyKeys: [] }] },
} as unknown as CSINode

testUpdate(CSINodeKind, csiNode, [
  {
    name: 'how many volumes fit',
    change: object => {
      object.spec.drivers[0]!.allocatable = { count: 3 }
    },
    errors: [],
  },
  {
    name: 'what the node is called',
    change: object => {
      object.spec.drivers[0]!.nodeID = 'b'
    },
    errors: [
      'spec.drivers: Invalid value: {"Name":"driver","NodeID":"b","TopologyKeys":[],"Allocatable":null}: field is immutable',
    ],
  },
])

testUpdate(PersistentVolumeKind, volume, [
  {
    name: 'source',
    change: object => {
      object.spec.hostPath = { path: '/other' }
    },
    errors: [
      `spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation
@@ -2,7 +2,7 @@
  "GCEPersistentDisk": null,
  "AWSElasticBlockStore": null,
  "HostPath": {
-  "Path": "/data",
+  "Path": "/other",
   "Type": ""
  },
  "Glusterfs": null,
`,
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
    errors: ['parameters: Invalid value: {"a":"b"}: field is immutable'],
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
