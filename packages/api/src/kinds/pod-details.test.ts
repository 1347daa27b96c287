/** Odd corners of pods, claims and volumes, with what upstream's own server said of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, type KubeObject } from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'
import { PersistentVolumeKind } from './core/persistentvolume.ts'
import { pullPolicyOf } from './core/pod/image.ts'
import { PodKind } from './core/pod.ts'
import { builtInKinds } from './index.ts'
import { RuntimeClassKind } from './node/runtimeclass.ts'

const served = ({ message }: Kind): Kind => builtInKinds.find(each => each.message === message)!

function defaulted(kind: Kind, object: object): KubeObject {
  const own = structuredClone({ metadata: { name: 'a', namespace: 'b', uid: 'u' }, ...object }) as KubeObject
  served(kind).strategy.default!(own)
  return own
}

function findings(kind: Kind, object: object): string[] {
  const own = defaulted(kind, object)
  served(kind).strategy.prepareForCreate!(own, { now: '2026-01-01T00:00:00Z' })
  return served(kind).strategy.validate!(own).map(fieldErrorText)
}

const pod = (spec: object, container: object = {}): object => ({
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
})
const volume = (source: object): object => ({
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...source },
})
const fileKeyRef = (ref: object): object => pod({}, { env: [{ name: 'A', valueFrom: { fileKeyRef: ref } }] })
const AT = 'spec.containers[0].env[0].valueFrom.fileKeyRef'
const CLAIM = 'spec.volumes[0].ephemeral.volumeClaimTemplate.metadata'
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
const ephemeral = (metadata: object): object =>
  pod({ volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { metadata, spec: claim } } }] })

const rows: readonly [string, Kind, object, string[]][] = [
  [
    'a file of variables that is not there',
    PodKind as unknown as Kind,
    fileKeyRef({}),
    [
      `${AT}.key: Required value`,
      `${AT}.volumeName: Required value`,
      `${AT}.path: Required value`,
      `${AT}.volumeName: Not found: ""`,
    ],
  ],
  [
    'a field of another version',
    PodKind as unknown as Kind,
    pod({}, { env: [{ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v2', fieldPath: 'metadata.name' } } }] }),
    [
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.name": error converting fieldPath: unsupported pod version: v2',
    ],
  ],
  [
    'metadata of a template for claims',
    PodKind as unknown as Kind,
    ephemeral({ name: 'x', uid: 'u' }),
    [`${CLAIM}.name: Forbidden: cannot be set`, `${CLAIM}.uID: Forbidden: cannot be set`],
  ],
  [
    'rules of a container that starts first, without a policy',
    PodKind as unknown as Kind,
    pod({ initContainers: [{ name: 'i', image: 'i', restartPolicyRules: [{}] }] }),
    ['spec.initContainers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used'],
  ],
  [
    'volumes of two types, one of them flex',
    PersistentVolumeKind as unknown as Kind,
    volume({ hostPath: { path: '/a' }, flexVolume: { driver: '' }, cephfs: { monitors: ['a'] } }),
    ['spec.cephFS: Forbidden: may not specify more than 1 volume type', 'spec.flexVolume.driver: Required value'],
  ],
  [
    'an iSCSI target of no form',
    PersistentVolumeKind as unknown as Kind,
    volume({ iscsi: { targetPortal: 'p', iqn: 'x', lun: 0, secretRef: {} } }),
    ['spec.iscsi.iqn: Invalid value: "x": must be valid format', 'spec.iscsi.secretRef.name: Required value'],
  ],
  ['no handler', RuntimeClassKind as unknown as Kind, { handler: '' }, ['handler: Required value']],
  [
    'a toleration twice',
    RuntimeClassKind as unknown as Kind,
    { handler: 'h', scheduling: { tolerations: [{ operator: 'Exists' }, { operator: 'Exists' }] } },
    [
      'scheduling.tolerations[1]: Duplicate value: {"Key":"","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}',
    ],
  ],
]
for (const [name, kind, object, wanted] of rows) {
  test(`${kind.type.kind}: ${name}`, () => assert.deepEqual(findings(kind, object), wanted))
}

const images: readonly [string, string][] = [
  ['a', 'Always'],
  ['a:latest', 'Always'],
  ['example.com:5000/a/b:1', 'IfNotPresent'],
  [`a@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
  ['Bad!', 'IfNotPresent'],
  ['/a/b', 'IfNotPresent'],
  ['a'.repeat(300), 'IfNotPresent'],
]
for (const [image, policy] of images) {
  test(`${image.slice(0, 40)} is pulled ${policy}`, () => assert.equal(pullPolicyOf(image), policy))
}

test('amounts have thousandths and nothing smaller; a grace period is not negative; old annotations are gone', () => {
  const limits = { memory: '1n', cpu: '1500u' }
  const annotations = { 'pod.beta.kubernetes.io/init-containers': '[]', own: 'x' }
  const given = pod({ terminationGracePeriodSeconds: -1 }, { resources: { limits } })
  const made = defaulted(PodKind as unknown as Kind, { ...given, metadata: { name: 'a', annotations } })
  assert.partialDeepStrictEqual(made, {
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ resources: { limits: { memory: '1m', cpu: '2m' }, requests: { memory: '1m', cpu: '2m' } } }],
    },
  })
  assert.deepEqual(made.metadata.annotations, { own: 'x' })
})
