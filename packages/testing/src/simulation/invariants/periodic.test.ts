import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { Faults } from '../faults.ts'
import { ClusterState } from './cluster-state.ts'
import { unfinished } from './convergence.ts'
import { autoscalersWithinBounds, oneJobAtATime } from './periodic.ts'

const metadata = (name: string, owner?: string) => ({
  name,
  namespace: 'alpha',
  uid: name,
  ...(owner ? { ownerReferences: [{ kind: 'CronJob', name: owner, uid: owner, controller: true }] } : {}),
})
const cronJob = (concurrencyPolicy: string, ...active: string[]) => ({
  metadata: metadata('cron'),
  spec: { concurrencyPolicy, successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 },
  status: { active: active.map(uid => ({ uid })) },
})
const job = (name: string, ended?: string) => ({
  metadata: metadata(name, 'cron'),
  spec: {},
  status: { conditions: ended ? [{ type: ended, status: 'True' }] : [] },
})
const autoscaler = (desiredReplicas: number) => ({
  metadata: metadata('web'),
  spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, minReplicas: 2, maxReplicas: 4 },
  status: { desiredReplicas },
})

type Write = readonly [at: number, kind: string, object: { metadata: { name: string } }]

/** The state that the writes make, and what the invariants say of them. */
function play(writes: readonly Write[]): { state: ClusterState; found: string[] } {
  const faults = new Faults(new SimulatedClock())
  // Its watches are never behind.
  faults.knowledge.knownUntil = () => state.now
  const state: ClusterState = new ClusterState(faults)
  const invariants = [oneJobAtATime(), autoscalersWithinBounds]
  const found = writes.flatMap(([at, kind, object], revision) => {
    const value = new TextEncoder().encode(JSON.stringify(object))
    const key = `/registry/${kind}/alpha/${object.metadata.name}`
    const change = state.apply({ at, revision, type: 'put', key, value })!
    return invariants.flatMap(({ check }) => check(change, state) ?? [])
  })
  return { state, found }
}

const SECOND = 'two was made while one was active'
const COURSES: readonly [text: string, writes: readonly Write[], found: readonly string[]][] = [
  ...((['Forbid', 'Replace', 'Allow'] as const).map(policy => [
    `two jobs with ${policy}`,
    [
      [0, 'jobs', job('one')],
      [1, 'cronjobs', cronJob(policy, 'one')],
      [60_000, 'jobs', job('two')],
    ] as const,
    policy === 'Allow' ? [] : [SECOND],
  ]) as [string, Write[], string[]][]),
  [
    'the first has ended',
    [
      [0, 'jobs', job('one')],
      [1, 'cronjobs', cronJob('Forbid', 'one')],
      [50_000, 'jobs', job('one', 'Complete')],
      [60_000, 'jobs', job('two')],
    ],
    [],
  ],
  [
    'the first came into the status a moment ago',
    [
      [0, 'jobs', job('one')],
      [59_000, 'cronjobs', cronJob('Forbid', 'one')],
      [60_000, 'jobs', job('two')],
    ],
    [],
  ],
  [
    'an autoscaler that wants too few',
    [[0, 'horizontalpodautoscalers', autoscaler(1)]],
    ['web wants 1 replicas, not 2 to 4'],
  ],
  [
    'an autoscaler that wants too many',
    [[0, 'horizontalpodautoscalers', autoscaler(5)]],
    ['web wants 5 replicas, not 2 to 4'],
  ],
  ['an autoscaler that is switched off', [[0, 'horizontalpodautoscalers', autoscaler(0)]], []],
  ['an autoscaler within its bounds', [[0, 'horizontalpodautoscalers', autoscaler(4)]], []],
]

describe('after every write', () => {
  for (const [text, writes, expected] of COURSES)
    it(text, () => {
      assert.deepEqual(play(writes).found, expected)
    })
})

it('at the end, cron jobs keep their limits and what is scaled is within its bounds', () => {
  const { state } = play([
    [0, 'cronjobs', cronJob('Allow', 'gone')],
    [0, 'jobs', job('one', 'Complete')],
    [0, 'jobs', job('two', 'Complete')],
    [0, 'jobs', job('three', 'Failed')],
    [0, 'horizontalpodautoscalers', autoscaler(4)],
    [0, 'deployments', { metadata: metadata('web'), spec: { replicas: 7 } } as never],
  ])
  const ours = unfinished(state).filter(each => /^cron job|has \d+ replicas/.test(each))
  assert.deepEqual(ours, [
    'cron job alpha/cron: active is 1, not 0',
    'cron job alpha/cron keeps 2 jobs that are Complete, of 1',
    'cron job alpha/cron keeps 1 jobs that are Failed, of 0',
    'Deployment alpha/web has 7 replicas, not 2 to 4',
  ])
})
