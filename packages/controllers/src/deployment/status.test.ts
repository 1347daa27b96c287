import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Deployment, DeploymentStatus, ReplicaSet, ReplicaSetStatus } from '@canopus/api/apps/v1'
import { findCondition } from '@canopus/apimachinery'
import { deadlineIn, rolloutStatus } from './status.ts'

const NOW = Date.UTC(2026, 0, 1)
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString().replace('.000', '')

const deploymentOf = (status: DeploymentStatus, spec: object = {}): Deployment =>
  ({
    metadata: { name: 'web', generation: 2 },
    spec: {
      replicas: 3,
      progressDeadlineSeconds: 60,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      ...spec,
    },
    status,
  }) as unknown as Deployment

/** `size actual ready available` */
const setOf = (name: string, counts: string, conditions?: ReplicaSetStatus['conditions']): ReplicaSet => {
  const [size, replicas, readyReplicas, availableReplicas] = counts.split(' ').map(Number)
  const status = { replicas, readyReplicas, availableReplicas, ...(conditions ? { conditions } : {}) }
  return { metadata: { name }, spec: { replicas: size }, status } as unknown as ReplicaSet
}

/** The condition Progressing as it was, so many seconds ago. */
const progressing = (reason: string, ago: number, status = 'True'): DeploymentStatus => ({
  conditions: [
    { type: 'Progressing', status, reason, message: '', lastUpdateTime: at(-ago), lastTransitionTime: at(-ago) },
  ],
})

describe('what a deployment says of itself', () => {
  const [UP, NEW, OLD] = ['True MinimumReplicasAvailable', setOf('new', '3 3 3 3'), setOf('old', '0 0 0 0')]
  type Case = [
    what: string,
    before: DeploymentStatus,
    newSet: ReplicaSet | undefined,
    old: ReplicaSet[],
    available: string,
    progress: string | undefined,
    spec?: object,
  ]
  const cases: Case[] = [
    ['it has come up', {}, NEW, [OLD], UP, 'True NewReplicaSetAvailable ReplicaSet "new" has successfully progressed.'],
    [
      'more pods than before',
      { updatedReplicas: 1 },
      setOf('new', '3 2 0 0'),
      [],
      'False MinimumReplicasUnavailable',
      'True ReplicaSetUpdated ReplicaSet "new" is progressing.',
    ],
    [
      'one may be missing',
      { updatedReplicas: 1 },
      setOf('new', '3 3 2 2'),
      [],
      UP,
      'True ReplicaSetUpdated ReplicaSet "new" is progressing.',
    ],
    [
      'fewer old pods than before',
      { replicas: 4, updatedReplicas: 1 },
      setOf('new', '1 1 0 0'),
      [setOf('old', '2 2 2 2')],
      UP,
      'True ReplicaSetUpdated ReplicaSet "new" is progressing.',
    ],
    [
      'no set yet',
      { replicas: 3 },
      undefined,
      [setOf('old', '2 2 2 2')],
      UP,
      'True ReplicaSetUpdated Deployment "web" is progressing.',
    ],
    [
      'it stands still',
      {
        replicas: 4,
        updatedReplicas: 1,
        readyReplicas: 3,
        availableReplicas: 3,
        ...progressing('ReplicaSetUpdated', 59),
      },
      setOf('new', '1 1 0 0'),
      [setOf('old', '3 3 3 3')],
      UP,
      'True ReplicaSetUpdated ',
    ],
    [
      'it has stood still for too long',
      {
        replicas: 4,
        updatedReplicas: 1,
        readyReplicas: 3,
        availableReplicas: 3,
        ...progressing('ReplicaSetUpdated', 61),
      },
      setOf('new', '1 1 0 0'),
      [setOf('old', '3 3 3 3')],
      UP,
      'False ProgressDeadlineExceeded ReplicaSet "new" has timed out progressing.',
    ],
    [
      'too late, and it goes on',
      { replicas: 4, updatedReplicas: 1, ...progressing('ProgressDeadlineExceeded', 99, 'False') },
      setOf('new', '2 2 1 1'),
      [setOf('old', '2 2 2 2')],
      UP,
      'True ReplicaSetUpdated ReplicaSet "new" is progressing.',
    ],
    [
      'done long ago, a pod is missing',
      {
        replicas: 3,
        updatedReplicas: 3,
        readyReplicas: 3,
        availableReplicas: 3,
        ...progressing('NewReplicaSetAvailable', 999),
      },
      setOf('new', '3 3 2 2'),
      [],
      UP,
      'True NewReplicaSetAvailable ',
    ],
    [
      'without a deadline',
      progressing('ReplicaSetUpdated', 9),
      NEW,
      [],
      UP,
      undefined,
      { progressDeadlineSeconds: 2_147_483_647 },
    ],
  ]
  for (const [what, before, newSet, old, available, progress, spec] of cases) {
    it(what, () => {
      const { conditions } = rolloutStatus(deploymentOf(before, spec), { newSet, old, now: NOW })
      const isAvailable = findCondition(conditions, 'Available')
      assert.equal(`${isAvailable?.status} ${isAvailable?.reason}`, available)
      const found = findCondition(conditions, 'Progressing')
      assert.equal(found && `${found.status} ${found.reason} ${found.message}`, progress)
    })
  }

  it('progress starts the deadline anew, what stands still does not', () => {
    const before = {
      replicas: 4,
      updatedReplicas: 1,
      readyReplicas: 3,
      availableReplicas: 3,
      ...progressing('ReplicaSetUpdated', 59),
    }
    const still = { newSet: setOf('new', '1 1 0 0'), old: [setOf('old', '3 3 3 3')], now: NOW }
    const after = (seen: Parameters<typeof rolloutStatus>[1]): number | undefined =>
      deadlineIn(deploymentOf(rolloutStatus(deploymentOf(before), seen)), NOW)
    assert.equal(after(still), 1_000)
    assert.equal(after({ ...still, newSet: setOf('new', '1 1 1 1') }), 60_000)
  })

  it('what a set could not do is its own failure, and goes with it', () => {
    const refused = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no more' }
    const seen = { newSet: setOf('new', '3 1 1 1', [refused]), old: [], now: NOW }
    const { conditions } = rolloutStatus(deploymentOf({}), seen)
    assert.equal(findCondition(conditions, 'ReplicaFailure')?.message, 'no more')
    const later = rolloutStatus(deploymentOf({ conditions: conditions! }), { ...seen, newSet: NEW })
    assert.equal(findCondition(later.conditions, 'ReplicaFailure'), undefined)
  })

  it('an empty old set that failed once is no failure', () => {
    const refused = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no more' }
    const { conditions } = rolloutStatus(deploymentOf({}), {
      newSet: NEW,
      old: [setOf('old', '0 0 0 0', [refused])],
      now: NOW,
    })
    assert.equal(findCondition(conditions, 'ReplicaFailure'), undefined)
  })
})
