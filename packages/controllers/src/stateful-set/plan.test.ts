import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ControllerRevision, StatefulSet } from '@canopus/api/apps/v1'
import type { PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import { type Action, planStatefulSet, type StatefulSetState } from './plan.ts'

const NOW = Date.UTC(2026, 0, 1)
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()
const revision = (name: string) => ({ metadata: { name } }) as ControllerRevision

/**
 * A pod by `ordinal` and marks: `o` of the old template, `s` starting, `p` pending, `f` failed, `e` ended well, `g` on its way out,
 * `y` ready for five seconds only, `l` without its labels.
 */
function podOf(text: string): Pod {
  const [, ordinal, marks = ''] = /^(\d+)(\w*)$/.exec(text)!
  const has = (mark: string): boolean => marks.includes(mark)
  const phase = has('f') ? 'Failed' : has('e') ? 'Succeeded' : has('p') ? 'Pending' : 'Running'
  const isReady = phase === 'Running' && !has('s')
  const name = `db-${ordinal}`
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: at(-60),
      labels: {
        'controller-revision-hash': has('o') ? 'old' : 'new',
        ...(has('l')
          ? {}
          : { 'statefulset.kubernetes.io/pod-name': name, 'apps.kubernetes.io/pod-index': ordinal as string }),
      },
      ...(has('g') ? { deletionTimestamp: at(-1) } : {}),
    },
    spec: { containers: [] },
    status: {
      phase,
      conditions: isReady ? [{ type: 'Ready', status: 'True', lastTransitionTime: at(has('y') ? -5 : -60) }] : [],
    },
  } as unknown as Pod
}

function stateOf(pods: string, spec: object, claims: Record<string, object> = {}): StatefulSetState {
  return {
    set: {
      metadata: { name: 'db', namespace: 'default', uid: 's', generation: 1 },
      spec: {
        selector: {},
        template: { spec: { containers: [] } },
        serviceName: 'db',
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        ...spec,
      },
      status: {},
    } as unknown as StatefulSet,
    pods: pods.split(' ').filter(Boolean).map(podOf),
    current: revision('old'),
    update: revision('new'),
    collisionCount: undefined,
    claim: name => claims[name] as PersistentVolumeClaim | undefined,
    now: NOW,
  }
}

function textOf(action: Action): string {
  switch (action.type) {
    case 'create':
      return `create ${action.ordinal} ${action.revision.metadata.name}`
    case 'claims':
      return `claims ${action.ordinal}`
    case 'own':
      return `own ${action.pod.metadata.name.slice(3)}`
    case 'identify':
      return `identify ${action.ordinal}`
    case 'delete':
      return `delete ${action.pod.metadata.name.slice(3)}`
  }
}

const PARALLEL = { podManagementPolicy: 'Parallel' }
const rolling = (rollingUpdate: object): object => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } })

describe('what a stateful set does next', () => {
  const cases: [what: string, replicas: number, pods: string, spec: object, expected: string[]][] = [
    ['the first pod', 3, '', {}, ['create 0 new']],
    ['the next one when the last serves', 3, '0', {}, ['create 1 new']],
    ['not while it starts', 3, '0s', {}, []],
    ['not before it has served for long enough', 3, '0y', { minReadySeconds: 10 }, []],
    ['not while one is on its way out', 3, '0g', {}, []],
    ['one that waits for its claims', 3, '0p', {}, ['claims 0']],
    ['a gap is filled first', 3, '0 2', {}, ['create 1 new']],
    ['all at once', 3, '', PARALLEL, ['create 0 new', 'create 1 new', 'create 2 new']],
    ['all at once, whatever the others do', 3, '0s 1g', PARALLEL, ['create 2 new']],
    ['numbers that begin later', 2, '5', { ordinals: { start: 5 } }, ['create 6 new']],
    ['what is below the first number goes', 1, '4 5', { ordinals: { start: 5 } }, ['delete 4']],
    ['a failed pod goes', 2, '0f 1', {}, ['delete 0']],
    ['one that has ended well too', 2, '0e 1', {}, ['delete 0']],
    ['a failed pod that is on its way out is waited for', 2, '0fg 1', {}, []],
    ['failed pods go, others come', 3, '0f 1', PARALLEL, ['delete 0', 'create 2 new']],
    ['a pod that has lost its labels', 1, '0l', {}, ['identify 0']],
    ['the last one goes first', 1, '0 1 2', {}, ['delete 2']],
    ['not while another is unwell', 1, '0s 1 2', {}, []],
    ['one that serves goes though a lower one that is to go is unwell', 1, '0 1s 2', {}, ['delete 2']],
    ['one that is unwell waits for a lower one that is', 1, '0 1s 2s', {}, []],
    ['the unwell one itself may go', 1, '0 1 2s', {}, ['delete 2']],
    ['the one that has not served for long enough may go', 0, '0y', { minReadySeconds: 10 }, ['delete 0']],
    ['one at a time', 1, '0 1 2g', {}, []],
    ['all at once, down', 1, '0 1 2', PARALLEL, ['delete 2', 'delete 1']],
    ['the last one of an old template', 3, '0o 1o 2o', {}, ['delete 2']],
    ['then the next', 3, '0o 1o 2', {}, ['delete 1']],
    ['not while the new one starts', 3, '0o 1o 2s', PARALLEL, []],
    ['not below the partition', 3, '0o 1o 2', rolling({ partition: 2 }), []],
    ['below the partition it comes back as it was', 3, '1o 2', rolling({ partition: 2 }), ['create 0 old']],
    ['above it with the new template', 3, '0o 1o', rolling({ partition: 2 }), ['create 2 new']],
    [
      'the partition counts from the first number',
      2,
      '5o',
      { ordinals: { start: 5 }, ...rolling({ partition: 1 }) },
      ['create 6 new'],
    ],
    ['OnDelete waits', 2, '0o 1o', { updateStrategy: { type: 'OnDelete' } }, []],
    ['OnDelete makes new ones', 2, '0o', { updateStrategy: { type: 'OnDelete' } }, ['create 1 new']],
    ['scaling comes before updating', 3, '0o 1o', {}, ['create 2 new']],
    ['two may be missing', 4, '0o 1o 2o 3o', rolling({ maxUnavailable: 2 }), ['delete 3', 'delete 2']],
    [
      'one of them is missing already',
      4,
      '0o 1o 2o 3s',
      { ...PARALLEL, ...rolling({ maxUnavailable: 2 }) },
      ['delete 2'],
    ],
    ['both are missing', 4, '0o 1s 2o 3s', { ...PARALLEL, ...rolling({ maxUnavailable: 2 }) }, []],
    [
      'a share of them, rounded down',
      5,
      '0o 1o 2o 3o 4o',
      rolling({ maxUnavailable: '50%' }),
      ['delete 4', 'delete 3'],
    ],
    ['never none', 2, '0o 1o', rolling({ maxUnavailable: '10%' }), ['delete 1']],
  ]
  for (const [what, replicas, pods, spec, expected] of cases) {
    it(what, () =>
      assert.deepEqual(planStatefulSet(stateOf(pods, { replicas, ...spec })).actions.map(textOf), expected),
    )
  }
  it('nothing when it is on its way out itself', () => {
    const state = stateOf('0', { replicas: 3 })
    state.set.metadata.deletionTimestamp = at(0)
    assert.deepEqual(planStatefulSet(state).actions, [])
  })
  it('says when to look again', () => {
    assert.equal(planStatefulSet(stateOf('0y', { replicas: 2, minReadySeconds: 30 })).waitMs, 25_000)
  })
})

describe('what becomes of claims', () => {
  const pod = (uid: string) => ({ apiVersion: 'v1', kind: 'Pod', name: 'db-1', uid, controller: true })
  const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 's', controller: true }
  const policy = (whenScaled: string, whenDeleted = 'Retain') => ({
    persistentVolumeClaimRetentionPolicy: { whenScaled, whenDeleted },
  })
  const cases: [what: string, replicas: number, pods: string, policy: object, owners: object[], expected: string[]][] =
    [
      ['they stay as they are', 2, '0 1', policy('Retain'), [], []],
      ['the pod gets them before it goes', 1, '0 1', policy('Delete'), [], ['own 1', 'delete 1']],
      ['it has them', 1, '0 1', policy('Delete'), [pod('db-1')], ['delete 1']],
      ['the set gets them', 2, '0 1', policy('Retain', 'Delete'), [], ['own 1']],
      ['the set has them', 2, '0 1', policy('Retain', 'Delete'), [set], []],
      ['nobody is to have them any more', 2, '0 1', policy('Retain'), [set], ['own 1']],
      ['those of a former pod are waited for', 2, '0', policy('Delete'), [pod('former')], []],
      ['those of a former pod are taken where they stay', 2, '0', policy('Retain'), [pod('former')], ['create 1 new']],
    ]
  for (const [what, replicas, pods, retention, ownerReferences, expected] of cases) {
    it(what, () => {
      const spec = { replicas, volumeClaimTemplates: [{ metadata: { name: 'data' } }], ...retention }
      const claims = { 'data-db-1': { metadata: { name: 'data-db-1', ownerReferences } } }
      assert.deepEqual(planStatefulSet(stateOf(pods, spec, claims)).actions.map(textOf), expected)
    })
  }
})

describe('the status', () => {
  const cases: [what: string, pods: string, spec: object, counts: number[], revisions: string][] = [
    ['half way', '0o 1 2s', {}, [3, 2, 2, 1, 2], 'old new'],
    ['done', '0 1', {}, [2, 2, 2, 2, 2], 'new new'],
    ['served for long enough', '0 1y', { minReadySeconds: 10 }, [2, 2, 1, 2, 2], 'new new'],
    ['OnDelete is never done by itself', '0 1', { updateStrategy: { type: 'OnDelete' } }, [2, 2, 2, 0, 2], 'old new'],
  ]
  for (const [what, pods, spec, counts, revisions] of cases) {
    it(what, () => {
      const { status } = planStatefulSet(stateOf(pods, { replicas: 3, ...spec }))
      const { replicas, readyReplicas, availableReplicas, currentReplicas, updatedReplicas } = status
      assert.deepEqual([replicas, readyReplicas, availableReplicas, currentReplicas, updatedReplicas], counts)
      assert.equal(`${status.currentRevision} ${status.updateRevision}`, revisions)
    })
  }
})
