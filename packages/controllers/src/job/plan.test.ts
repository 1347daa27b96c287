import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Job, JobSpec, JobStatus } from '@canopus/api/batch/v1'
import type { Pod } from '@canopus/api/core/v1'
import { planJob } from './plan.ts'
import { COMPLETION_INDEX, TRACKING } from './pods.ts'

const START = Date.UTC(2026, 0, 1)
const NOW = START + 60_000
const at = (milliseconds: number): string => new Date(milliseconds).toISOString()

const job = (spec: Partial<JobSpec>, status: JobStatus = {}): Job => ({
  metadata: { name: 'work', namespace: 'default', uid: 'j', resourceVersion: '1', creationTimestamp: at(START) },
  spec: { parallelism: 2, completions: 3, backoffLimit: 1, template: { spec: { containers: [] } }, ...spec },
  status: { startTime: at(START), ...status },
})

interface PodFacts {
  phase?: string
  index?: number
  going?: boolean
  tracked?: boolean
  restarts?: number
}
const pod = (uid: string, facts: PodFacts = {}): Pod => {
  const { phase = 'Running', index, going = false, tracked = true, restarts = 0 } = facts
  return {
    metadata: {
      name: uid,
      namespace: 'default',
      uid,
      resourceVersion: '1',
      creationTimestamp: at(START),
      ...(going ? { deletionTimestamp: at(START + 30_000) } : {}),
      ...(tracked ? { finalizers: [TRACKING] } : {}),
      ...(index === undefined ? {} : { annotations: { [COMPLETION_INDEX]: String(index) } }),
    },
    spec: { containers: [], nodeName: 'n' },
    status: {
      phase,
      containerStatuses: [{ name: 'c', image: '', imageID: '', ready: false, restartCount: restarts }],
    },
  }
}
const indexed = { completionMode: 'Indexed' }
const uids = (pods: readonly Pod[]): string[] => pods.map(each => each.metadata.uid).sort()

describe('what is done with the pods', () => {
  type Expected = { create: (number | undefined)[]; discard: string[]; stop: string[]; untrack: string[] }
  const table: [string, Job, Pod[], Partial<Expected>][] = [
    ['begins with as many as may run', job({}), [], { create: [undefined, undefined] }],
    ['no more than are missing', job({}, { succeeded: 2 }), [], { create: [undefined] }],
    ['nothing while suspended', job({ suspend: true }), [pod('a')], { discard: ['a'] }],
    ['nothing more for one on its way out', deleted(job({})), [pod('a')], { untrack: ['a'] }],
    ['the lowest free indexes', job(indexed), [pod('b', { index: 1 })], { create: [0] }],
    ['one pod for an index', job(indexed), [pod('a', { index: 0 }), pod('b', { index: 0 })], { discard: ['a'] }],
    ['no pod beyond the indexes', job(indexed), [pod('a', { index: 0 }), pod('x', { index: 7 })], { discard: ['x'] }],
    [
      'a failed one is replaced after a while',
      job({}),
      [pod('a', { phase: 'Failed' })],
      { create: [undefined, undefined], untrack: ['a'] },
    ],
    [
      'one on its way out counts as failed',
      job({}),
      [pod('a', { going: true })],
      { create: [undefined, undefined], untrack: ['a'] },
    ],
    [
      'unless only failed ones are replaced',
      job({ podReplacementPolicy: 'Failed' }),
      [pod('a', { going: true })],
      { create: [undefined] },
    ],
    ['the limit ends all', job({}, { failed: 2 }), [pod('a')], { stop: ['a'], untrack: ['a'] }],
    [
      'finished: only finalizers go',
      job({}, ended('Complete')),
      [pod('a', { phase: 'Succeeded' })],
      { untrack: ['a'] },
    ],
  ]
  for (const [name, object, pods, expected] of table) {
    test(name, () => {
      const plan = planJob({ job: object, pods, now: NOW, streak: undefined })
      assert.deepEqual(
        {
          create: plan.create.map(each => each.index),
          discard: uids(plan.discard),
          stop: uids(plan.stop),
          untrack: uids(plan.untrack),
        },
        { create: [], discard: [], stop: [], untrack: [], ...expected },
      )
    })
  }
})

describe('how it ends', () => {
  const failed = pod('a', { phase: 'Failed' })
  const table: [string, Job, Pod[], string | undefined][] = [
    ['not yet', job({}, { succeeded: 2 }), [], undefined],
    ['all done', job({}, { succeeded: 3 }), [], 'SuccessCriteriaMet CompletionsReached'],
    ['nothing to do', job({ completions: 0 }), [], 'SuccessCriteriaMet CompletionsReached'],
    ['within the limit', job({}), [failed], undefined],
    ['beyond the limit', job({ backoffLimit: 0 }), [failed], 'FailureTarget BackoffLimitExceeded'],
    [
      'restarts beyond the limit',
      job({ template: { spec: { containers: [], restartPolicy: 'OnFailure' } } }),
      [pod('a', { restarts: 1 })],
      'FailureTarget BackoffLimitExceeded',
    ],
    ['too late', job({ activeDeadlineSeconds: 60 }), [], 'FailureTarget DeadlineExceeded'],
    ['suspended: no deadline', job({ activeDeadlineSeconds: 60, suspend: true }), [], undefined],
    [
      'too many failed indexes',
      job({ ...indexed, backoffLimitPerIndex: 0, backoffLimit: 99, maxFailedIndexes: 0 }),
      [pod('a', { phase: 'Failed', index: 0 })],
      'FailureTarget MaxFailedIndexesExceeded',
    ],
  ]
  for (const [name, object, pods, expected] of table) {
    test(name, () => {
      const { conditions = [] } = planJob({ job: object, pods, now: NOW, streak: undefined }).status
      const end = conditions.find(({ type }) => type === 'FailureTarget' || type === 'SuccessCriteriaMet')
      assert.equal(end && `${end.type} ${end.reason}`, expected)
    })
  }
})

describe('the delay after failures in a row', () => {
  const table: [number, number | undefined][] = [
    [0, undefined],
    [1, 10_000],
    [2, 20_000],
    [4, 80_000],
    [20, 600_000],
  ]
  for (const [failures, expected] of table) {
    test(`${failures}`, () => {
      const plan = planJob({ job: job({}), pods: [], now: NOW, streak: { failures, lastAt: NOW } })
      assert.equal(plan.waitMs, expected)
      assert.equal(plan.create.length, expected === undefined ? 2 : 0)
    })
  }
})

function ended(type: string): JobStatus {
  return { conditions: [{ type, status: 'True' }] }
}

function deleted(object: Job): Job {
  return { ...object, metadata: { ...object.metadata, deletionTimestamp: at(NOW) } }
}
