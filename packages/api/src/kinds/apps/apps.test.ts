import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../../generated/apps.v1.ts'
import { created, testCreate, testUpdate } from '../../testing/validation-table.ts'
import { DaemonSetKind } from './daemonset.ts'
import { DeploymentKind } from './deployment.ts'
import { ReplicaSetKind } from './replicaset.ts'
import { StatefulSetKind } from './statefulset.ts'

const labels = { app: 'web' }
const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } }
const metadata = { name: 'web', namespace: 'default' }
const workload = <T>(more: object = {}): T =>
  ({ metadata, spec: { selector: { matchLabels: labels }, template, ...more } }) as T

const mismatch =
  'spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`'

testCreate(DeploymentKind, workload<Deployment>(), [
  {
    name: 'no selector',
    change: object => {
      delete (object.spec as Partial<Deployment['spec']>).selector
    },
    errors: [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  },
  {
    name: 'empty selector',
    change: object => {
      object.spec.selector = {}
    },
    errors: ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  },
  {
    name: 'labels that are not selected',
    change: object => {
      object.spec.template.metadata!.labels = { app: 'other' }
    },
    errors: [mismatch],
  },
  {
    name: 'fewer than no replicas',
    change: object => {
      object.spec.replicas = -1
    },
    errors: ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  },
  {
    name: 'pods that end',
    change: object => {
      object.spec.template.spec.restartPolicy = 'Never'
    },
    errors: ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  },
  {
    name: 'a rolling update that cannot move',
    change: object => {
      object.spec.strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } }
    },
    errors: ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
  },
  {
    name: 'rolling settings of Recreate',
    change: object => {
      object.spec.strategy = { type: 'Recreate', rollingUpdate: {} }
    },
    errors: ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  },
  {
    name: 'more than all unavailable',
    change: object => {
      object.spec.strategy = { rollingUpdate: { maxUnavailable: '101%' } }
    },
    errors: ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
  },
  {
    name: 'deadline before ready',
    change: object => {
      object.spec.minReadySeconds = 700
    },
    errors: ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
  },
])

testUpdate(DeploymentKind, workload<Deployment>(), [
  {
    name: 'selector',
    change: object => {
      object.spec.selector = { matchLabels: { app: 'other' } }
      object.spec.template.metadata!.labels = { app: 'other' }
    },
    errors: ['spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable'],
  },
])

test('Deployment: defaults, status and generation', () => {
  const old = created(DeploymentKind, workload<Deployment>())
  assert.equal(old.spec.replicas, 1)
  assert.equal(old.spec.revisionHistoryLimit, 10)
  assert.equal(old.spec.progressDeadlineSeconds, 600)
  const rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%' }
  assert.deepEqual(old.spec.strategy, { type: 'RollingUpdate', rollingUpdate })
  assert.equal(old.spec.template.spec.restartPolicy, 'Always')
  assert.equal(old.spec.template.spec.enableServiceLinks, undefined)
  assert.deepEqual(old.status, {})
  const changed = structuredClone(old)
  changed.spec.replicas = 3
  changed.status = { replicas: 9 }
  DeploymentKind.strategy.prepareForUpdate!(changed, old, { now: '' })
  assert.deepEqual(changed.status, {})
  assert.equal(changed.metadata.generation, 2)
  const reported = structuredClone(old)
  reported.spec.replicas = 7
  reported.metadata.labels = { x: 'y' }
  reported.metadata.annotations = { x: 'y' }
  reported.status = { replicas: 1 }
  DeploymentKind.strategy.prepareForStatusUpdate!(reported, old, { now: '2026-01-01T00:00:00Z' })
  assert.equal(reported.spec.replicas, 1)
  assert.equal(reported.metadata.labels, undefined)
  assert.deepEqual(reported.metadata.annotations, { x: 'y' })
  assert.deepEqual(reported.status, { replicas: 1 })
})

testCreate(ReplicaSetKind, workload<ReplicaSet>(), [
  {
    name: 'labels that are not selected',
    change: object => {
      object.spec.template!.metadata!.labels = { app: 'other' }
    },
    errors: [mismatch],
  },
])

testCreate(StatefulSetKind, workload<StatefulSet>({ serviceName: 'web' }), [
  {
    name: 'containers that mount what the claims bring',
    change: object => {
      object.spec.template!.spec!.containers[0]!.volumeMounts = [{ name: 'data', mountPath: '/data' }]
      const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
      object.spec.volumeClaimTemplates = [{ metadata: { name: 'data' }, spec }] as never
    },
    errors: [],
  },
  {
    name: 'unknown management',
    change: object => {
      object.spec.podManagementPolicy = 'X'
    },
    errors: [`spec.podManagementPolicy: Invalid value: "X": must be 'OrderedReady' or 'Parallel'`],
  },
  {
    name: 'a template without containers',
    change: object => {
      object.spec.template.spec = { containers: [] }
    },
    errors: ['spec.template.spec.containers: Required value'],
  },
  {
    name: 'a claim without a name, whose volume has none',
    change: object => {
      const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
      object.spec.volumeClaimTemplates = [{ metadata: {} as never, spec }]
    },
    errors: [
      'spec.template.spec.volumes[0].persistentVolumeClaim.claimName: Required value',
      'spec.template.spec.volumes[0].name: Required value',
    ],
  },
  {
    name: 'partition of OnDelete',
    change: object => {
      object.spec.updateStrategy = { type: 'OnDelete', rollingUpdate: { partition: 1 } }
    },
    errors: [
      `spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy 'RollingUpdate'`,
    ],
  },
])

testUpdate(StatefulSetKind, workload<StatefulSet>({ serviceName: 'web' }), [
  {
    name: 'replicas',
    change: object => {
      object.spec.replicas = 3
    },
    errors: [],
  },
  {
    name: 'service',
    change: object => {
      object.spec.serviceName = 'other'
    },
    errors: [
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
  },
])

testCreate(DaemonSetKind, workload<DaemonSet>(), [
  {
    name: 'surge and unavailability',
    change: object => {
      object.spec.updateStrategy = { rollingUpdate: { maxSurge: 1 } }
    },
    errors: [
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
    ],
  },
  {
    name: 'neither',
    change: object => {
      object.spec.updateStrategy = { rollingUpdate: { maxUnavailable: 0 } }
    },
    errors: ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
  },
])

test('DaemonSet: a born status has its figures', () => {
  assert.deepEqual(created(DaemonSetKind, workload<DaemonSet>()).status, {
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  })
})
