import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Jobs, Pods } from '@canopus/api'
import type { JobSpec } from '@canopus/api/batch/v1'
import type { Pod } from '@canopus/api/core/v1'
import { StatusError } from '@canopus/apimachinery'
import { heldWatches } from '../testing/held-watches.ts'
import { createWorld, type World } from '../testing/world.ts'
import { createJobController } from './controller.ts'
import { formatIndexes, parseIndexes } from './indexes.ts'
import { createTtlAfterFinishedController } from './ttl.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createJobController(world.context), createTtlAfterFinishedController(world.context))
})
afterEach(() => world.stop())

const add = (spec: Partial<JobSpec> = {}) =>
  world.server.add(Jobs, {
    metadata: { name: 'work', namespace: 'default' },
    spec: {
      selector: { matchLabels: { job: 'work' } },
      template: {
        metadata: { labels: { job: 'work' } },
        spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' },
      },
      completions: 2,
      parallelism: 1,
      backoffLimit: 6,
      ...spec,
    },
  })
const job = () => world.server.get(Jobs, 'work', 'default')!
const condition = (type: string) => job().status?.conditions?.find(each => each.type === type)
const pods = () => world.server.list(Pods)
const isLive = (pod: Pod) =>
  !['Succeeded', 'Failed'].includes(pod.status?.phase ?? '') && !pod.metadata.deletionTimestamp
const live = () => pods().filter(isLive)
const patch = (spec: object) =>
  world.context.client.resource(Jobs).patch('work', 'merge', { spec }, { namespace: 'default' })
const end = async (pod: Pod, phase: 'Succeeded' | 'Failed', exitCode = phase === 'Failed' ? 1 : 0) => {
  world.server.change(Pods, pod.metadata.name, 'default', each => {
    each.spec!.nodeName = 'n'
    const finishedAt = new Date(world.clock.now()).toISOString()
    const state = { terminated: { exitCode, finishedAt } }
    each.status = {
      phase,
      containerStatuses: [{ name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state }],
    }
  })
  await world.settle()
}
const indexOf = (pod: Pod) => Number(pod.metadata.labels?.['batch.kubernetes.io/job-completion-index'])

test('runs to completion, one after the other, and counts every pod once', async () => {
  add()
  await world.settle()
  assert.deepEqual(
    live().map(pod => pod.metadata.finalizers),
    [['batch.kubernetes.io/job-tracking']],
  )
  assert.equal(job().status?.active, 1)
  assert.ok(job().status?.startTime)
  await end(live()[0]!, 'Succeeded')
  assert.equal(job().status?.succeeded, 1)
  await end(live()[0]!, 'Succeeded')
  const { succeeded, failed, active, uncountedTerminatedPods } = job().status!
  assert.deepEqual(
    { succeeded, failed, active, uncountedTerminatedPods },
    { succeeded: 2, failed: 0, active: 0, uncountedTerminatedPods: {} },
  )
  assert.equal(condition('SuccessCriteriaMet')?.reason, 'CompletionsReached')
  assert.equal(condition('Complete')?.status, 'True')
  assert.equal(condition('Complete')?.message, 'Reached expected number of succeeded pods')
  assert.ok(job().status?.completionTime)
  assert.ok(pods().every(pod => (pod.metadata.finalizers ?? []).length === 0))
  assert.ok(world.events.includes('Completed Job completed'))
  assert.equal(pods().length, 2)
})

test('a job that somebody else manages is left alone', async () => {
  add({ managedBy: 'example.com/queue' })
  await world.settle()
  assert.deepEqual([pods().length, job().status], [0, undefined])
})

test('failed pods are replaced after a growing delay until the limit', async () => {
  add({ completions: 1, backoffLimit: 2 })
  await world.settle()
  await end(live()[0]!, 'Failed')
  assert.equal(live().length, 0)
  await world.settle(10_000)
  await end(live()[0]!, 'Failed')
  await world.settle(15_000)
  assert.equal(live().length, 0)
  await world.settle(10_000)
  await end(live()[0]!, 'Failed')
  assert.equal(job().status?.failed, 3)
  assert.equal(condition('Failed')?.reason, 'BackoffLimitExceeded')
  assert.equal(condition('Failed')?.message, 'Job has reached the specified backoff limit')
  assert.equal(condition('FailureTarget')?.status, 'True')
  await world.settle(3_600_000)
  assert.equal(live().length, 0)
})

test('a deadline stops what runs, and the end waits for it', async () => {
  add({ activeDeadlineSeconds: 30 })
  await world.settle()
  const [pod] = live()
  world.server.change(Pods, pod!.metadata.name, 'default', each => (each.spec!.nodeName = 'n'))
  await world.settle(31_000)
  assert.equal(condition('FailureTarget')?.reason, 'DeadlineExceeded')
  assert.equal(condition('Failed'), undefined)
  assert.ok(pods()[0]!.metadata.deletionTimestamp)
  world.server.remove(Pods, pod!.metadata.name, 'default')
  await world.settle()
  assert.equal(condition('Failed')?.reason, 'DeadlineExceeded')
  assert.equal(job().status?.failed, 1)
})

test('indexed: every index succeeds once and is replaced where it fails', async () => {
  add({ completionMode: 'Indexed', completions: 4, parallelism: 3 })
  await world.settle()
  assert.deepEqual(live().map(indexOf), [0, 1, 2])
  const [first] = live()
  assert.match(first!.metadata.name, /^work-0-/)
  assert.equal(first!.spec?.hostname, 'work-0')
  assert.equal(first!.spec?.containers[0]?.env?.[0]?.name, 'JOB_COMPLETION_INDEX')
  await end(live().find(pod => indexOf(pod) === 2)!, 'Succeeded')
  assert.deepEqual(live().map(indexOf).sort(), [0, 1, 3])
  assert.equal(job().status?.completedIndexes, '2')
  await end(live().find(pod => indexOf(pod) === 1)!, 'Failed')
  await world.settle(10_000)
  assert.deepEqual(live().map(indexOf).sort(), [0, 1, 3])
  for (const pod of live()) await end(pod, 'Succeeded')
  assert.equal(job().status?.completedIndexes, '0-3')
  assert.equal(job().status?.succeeded, 4)
  assert.equal(condition('Complete')?.status, 'True')
})

test('without completions, one success and nothing active is the end', async () => {
  add({ completions: undefined, parallelism: 2 } as Partial<JobSpec>)
  await world.settle()
  assert.equal(live().length, 2)
  await end(live()[0]!, 'Succeeded')
  assert.equal(live().length, 1)
  assert.equal(condition('Complete'), undefined)
  await end(live()[0]!, 'Succeeded')
  assert.equal(condition('Complete')?.status, 'True')
})

test('suspended: no pods, no clock; resumed: both again', async () => {
  add({ suspend: true })
  await world.settle()
  assert.equal(pods().length, 0)
  assert.equal(condition('Suspended')?.reason, 'JobSuspended')
  assert.equal(job().status?.startTime, undefined)
  await patch({ suspend: false })
  await world.settle()
  assert.equal(live().length, 1)
  assert.equal(condition('Suspended')?.status, 'False')
  assert.ok(job().status?.startTime)
  await patch({ suspend: true })
  await world.settle()
  assert.equal(live().length, 0)
  assert.equal(job().status?.failed, 0)
})

test('less parallelism discards without counting', async () => {
  add({ completions: 10, parallelism: 4 })
  await world.settle()
  assert.equal(live().length, 4)
  await patch({ parallelism: 1 })
  await world.settle()
  assert.equal(live().length, 1)
  assert.equal(job().status?.failed, 0)
})

test('the failure policy ignores disruptions and fails the job on an exit code', async () => {
  add({
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        { action: 'FailJob', onExitCodes: { containerName: 'c', operator: 'In', values: [42] } },
      ],
    },
  })
  await world.settle()
  world.server.change(Pods, live()[0]!.metadata.name, 'default', pod => {
    pod.status = { phase: 'Failed', conditions: [{ type: 'DisruptionTarget', status: 'True' }] }
  })
  await world.settle()
  assert.equal(job().status?.failed, 0)
  await world.settle(10_000)
  const [pod] = live()
  await end(pod!, 'Failed', 42)
  assert.equal(condition('Failed')?.reason, 'PodFailurePolicy')
  assert.equal(
    condition('Failed')?.message,
    `Container c for pod default/${pod!.metadata.name} failed with exit code 42 matching FailJob rule at index 1`,
  )
})

test('failures per index end that index alone', async () => {
  add({
    completionMode: 'Indexed',
    completions: 2,
    parallelism: 2,
    backoffLimit: 2_147_483_647,
    backoffLimitPerIndex: 1,
  })
  await world.settle()
  await end(live().find(pod => indexOf(pod) === 0)!, 'Failed')
  await world.settle(11_000)
  const retry = live().find(pod => indexOf(pod) === 0)!
  assert.equal(retry.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'], '1')
  await end(retry, 'Failed')
  assert.equal(job().status?.failedIndexes, '0')
  await world.settle(60_000)
  assert.deepEqual(live().map(indexOf), [1])
  await end(live()[0]!, 'Succeeded')
  assert.equal(condition('Failed')?.reason, 'FailedIndexes')
})

test('a failure that the policy ignores does not end its index, and delays the next pod as well', async () => {
  const ignored = { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }
  add({
    completionMode: 'Indexed',
    completions: 1,
    backoffLimit: 2_147_483_647,
    backoffLimitPerIndex: 0,
    podReplacementPolicy: 'Failed',
    podFailurePolicy: { rules: [ignored] },
  })
  await world.settle()
  const disrupt = async () => {
    world.server.change(Pods, live()[0]!.metadata.name, 'default', pod => {
      const finishedAt = new Date(world.clock.now()).toISOString()
      const state = { terminated: { exitCode: 137, finishedAt } }
      pod.status = {
        phase: 'Failed',
        conditions: [{ type: 'DisruptionTarget', status: 'True' }],
        containerStatuses: [{ name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state }],
      }
    })
    await world.settle()
  }
  await disrupt()
  assert.equal(job().status?.failedIndexes, '')
  assert.equal(condition('FailureTarget'), undefined)
  assert.equal(live().length, 0)
  await world.settle(10_000)
  const counts = (pod: Pod) =>
    ['', '-ignored'].map(word => pod.metadata.annotations?.[`batch.kubernetes.io/job-index${word}-failure-count`])
  assert.deepEqual(counts(live()[0]!), ['0', '1'])
  await disrupt()
  await world.settle(12_000)
  assert.equal(live().length, 0)
  await world.settle(10_000)
  assert.deepEqual(counts(live()[0]!), ['0', '2'])
  await end(live()[0]!, 'Failed')
  assert.equal(job().status?.failedIndexes, '0')
})

test('a success policy about indexes that the job does not have says nothing', async () => {
  add({
    completionMode: 'Indexed',
    completions: 2,
    parallelism: 2,
    successPolicy: { rules: [{ succeededIndexes: '5-7' }] },
  })
  await world.settle()
  assert.equal(condition('SuccessCriteriaMet'), undefined)
  await end(live()[0]!, 'Succeeded')
  assert.equal(condition('SuccessCriteriaMet'), undefined)
})

test('a success policy ends the job early', async () => {
  add({
    completionMode: 'Indexed',
    completions: 3,
    parallelism: 3,
    successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] },
  })
  await world.settle()
  await end(live().find(pod => indexOf(pod) === 1)!, 'Succeeded')
  await world.settle()
  assert.equal(condition('SuccessCriteriaMet')?.reason, 'SuccessPolicy')
  assert.equal(condition('SuccessCriteriaMet')?.message, 'Matched rules at index 0')
  assert.equal(condition('Complete')?.status, 'True')
  assert.deepEqual([job().status?.succeeded, job().status?.failed], [1, 0])
})

test('an index remembers its failures though the failed pod was deleted', async () => {
  const perIndex = { completionMode: 'Indexed', backoffLimitPerIndex: 2, backoffLimit: 2_147_483_647 }
  add({ ...perIndex, completions: 1 })
  await world.settle()
  const [first] = live()
  await end(first!, 'Failed')
  await world.context.client.resource(Pods).delete(first!.metadata.name, { namespace: 'default' })
  await world.settle()
  assert.deepEqual(pods().map(isLive), [false])
  await world.settle(11_000)
  assert.equal(live()[0]!.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'], '1')
  assert.equal(pods().length, 1)
  assert.equal(job().status?.failed, 1)
})

test('an indexed job that shrinks gives up its last indexes', async () => {
  add({ completionMode: 'Indexed', completions: 4, parallelism: 4 })
  await world.settle()
  await end(live().find(pod => indexOf(pod) === 3)!, 'Succeeded')
  assert.equal(job().status?.succeeded, 1)
  await patch({ completions: 2, parallelism: 2 })
  await world.settle()
  assert.deepEqual(live().map(indexOf).sort(), [0, 1])
  assert.deepEqual([job().status?.succeeded, job().status?.failed], [0, 0])
  assert.equal(job().status?.completedIndexes, undefined)
})

test('a work queue leaves what runs alone after its first success', async () => {
  add({ completions: undefined, parallelism: 3 } as Partial<JobSpec>)
  await world.settle()
  await end(live()[0]!, 'Succeeded')
  await patch({ parallelism: 1 })
  await world.settle()
  assert.equal(live().length, 2)
})

test('the pods of a job on its way out are let go', async () => {
  add({ podReplacementPolicy: 'Failed' })
  await world.settle()
  const name = live()[0]!.metadata.name
  world.server.change(Pods, name, 'default', pod => (pod.spec!.nodeName = 'n'))
  await world.context.client
    .resource(Jobs)
    .delete('work', { namespace: 'default', body: { propagationPolicy: 'Foreground' } })
  await world.settle()
  assert.ok(job().metadata.deletionTimestamp)
  assert.deepEqual(pods()[0]!.metadata.finalizers ?? [], [])
})

test('pods of a job that is gone lose their finalizer', async () => {
  add()
  await world.settle()
  world.server.remove(Jobs, 'work', 'default')
  await world.settle()
  assert.deepEqual(
    pods().map(pod => pod.metadata.finalizers ?? []),
    [[]],
  )
})

test('a finished job goes when its time to live is over', async () => {
  add({ completions: 1, ttlSecondsAfterFinished: 60 })
  await world.settle()
  await end(live()[0]!, 'Succeeded')
  await world.settle(50_000)
  assert.equal(job().metadata.deletionTimestamp, undefined)
  await world.settle(12_000)
  assert.deepEqual(job().metadata.finalizers, ['foregroundDeletion'])
  const counted = world.figures(/^ttl_after_finished_controller_job_deletion_duration_seconds_count/)
  assert.deepEqual(counted, ['ttl_after_finished_controller_job_deletion_duration_seconds_count 1'])
})

describe('index sets', () => {
  for (const text of ['', '0', '0,1', '0-2', '1,3-5,7', '0,2,4-9']) {
    test(JSON.stringify(text), () => assert.equal(formatIndexes(parseIndexes(text, 100)), text))
  }
  test('out of range is left out', () => assert.deepEqual([...parseIndexes('1-5,9', 3)], [1, 2]))
})

test('a pod that has been counted is not made again because the watch of jobs is behind', async () => {
  world.stop()
  const { watches, hold, release } = heldWatches(/\/jobs\?/)
  world = createWorld(watches)
  await world.start(createJobController(world.context))
  add({ completions: 1 })
  await world.settle()
  // The job's status says that the pod is counted, which the controller cannot see; the pod, that it is not tracked any more.
  hold()
  await end(live()[0]!, 'Succeeded')
  await world.settle(60_000)
  assert.deepEqual(
    pods().map(pod => pod.metadata.finalizers ?? []),
    [[]],
    'nothing was made',
  )
  release()
  await world.settle(60_000)
  assert.equal(job().status?.succeeded, 1)
  assert.equal(condition('Complete')?.status, 'True')
})

test('figures: rounds, ends of jobs and pods, what the policy does, and whom others look after', async () => {
  const onExitCodes = { operator: 'In', values: [42] }
  add({ completions: 1, podFailurePolicy: { rules: [{ action: 'Ignore', onExitCodes }] } })
  await world.settle()
  await end(live()[0]!, 'Failed', 42)
  await world.settle(60_000)
  await end(live()[0]!, 'Succeeded')
  await world.settle(60_000)
  world.server.add(Jobs, { ...job(), metadata: { name: 'other', namespace: 'default' } })
  world.server.change(Jobs, 'other', 'default', each => {
    each.spec.managedBy = 'example.com/other'
  })
  await world.settle()
  assert.deepEqual(world.figures(/^job_controller_(?!job_sync)/), [
    'job_controller_job_pods_creation_total{reason="new",status="succeeded"} 2',
    'job_controller_job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"} 1',
    'job_controller_jobs_finished_total{completion_mode="NonIndexed",reason="CompletionsReached",result="succeeded"} 1',
    'job_controller_pod_failures_handled_by_failure_policy_total{action="Ignore"} 1',
    'job_controller_terminated_pods_tracking_finalizer_total{event="add"} 2',
    'job_controller_terminated_pods_tracking_finalizer_total{event="delete"} 2',
  ])
  const syncs = world.figures(/^job_controller_job_syncs_total/).map(line => line.replace(/ \d+$/, ''))
  assert.deepEqual(
    syncs.toSorted(),
    ['pods_created', 'tracking'].map(
      action => `job_controller_job_syncs_total{action="${action}",completion_mode="NonIndexed",result="success"}`,
    ),
  )
})

test('figures: indexes of jobs that count failures by index, and replacements', async () => {
  add({
    completionMode: 'Indexed',
    completions: 2,
    parallelism: 2,
    backoffLimitPerIndex: 0,
    podReplacementPolicy: 'Failed',
  })
  await world.settle()
  await end(live().find(pod => indexOf(pod) === 0)!, 'Failed')
  await end(live().find(pod => indexOf(pod) === 1)!, 'Succeeded')
  await world.settle(60_000)
  assert.deepEqual(world.figures(/^job_controller_(job_finished|jobs_finished|job_pods_fin)/), [
    'job_controller_job_finished_indexes_total{backoffLimit="perIndex",status="failed"} 1',
    'job_controller_job_finished_indexes_total{backoffLimit="perIndex",status="succeeded"} 1',
    'job_controller_job_pods_finished_total{completion_mode="Indexed",result="failed"} 1',
    'job_controller_job_pods_finished_total{completion_mode="Indexed",result="succeeded"} 1',
    'job_controller_jobs_finished_total{completion_mode="Indexed",reason="FailedIndexes",result="failed"} 1',
  ])
})

test('a conflict with nothing leaves no finalizer behind', async () => {
  add({ completions: 1 })
  await world.settle()
  const [pod] = live()
  const conflict = new StatusError({ code: 409, reason: 'Conflict', message: 'try again' })
  world.server.failNext({ method: 'PATCH', path: /\/pods\// }, conflict, 4)
  await end(pod!, 'Succeeded')
  await world.clock.advance(16_000)
  assert.equal(condition('Complete')?.status, 'True')
  assert.deepEqual(
    pods().map(each => each.metadata.finalizers ?? []),
    [[]],
  )
})

test('a job that may make no pods tries again each minute, however often it could not', async () => {
  const message = 'exceeded quota: pods'
  const forbidden = new StatusError({ code: 403, reason: 'Forbidden', message })
  world.server.failNext({ method: 'POST', path: /\/pods\b/ }, forbidden, 20)
  add({ completions: 1 })
  await world.settle(900_000) // 1, 2, 4, 8, 16, 32 seconds and then 60 each time
  assert.deepEqual(live(), [])
  await world.settle(60_000)
  assert.equal(live().length, 1)
})
