import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CronJob, Job } from '../../generated/batch.v1.ts'
import { created, testCreate, testUpdate } from '../../testing/validation-table.ts'
import { CronJobKind } from './cronjob.ts'
import { JobKind } from './job.ts'
import { scheduleProblem } from './schedule.ts'

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'x' }] } }
const job = { metadata: { name: 'work', namespace: 'default', uid: 'u1' }, spec: { template } } as unknown as Job

testCreate(JobKind, job, [
  {
    name: 'pods that never end',
    change: object => {
      delete object.spec.template.spec.restartPolicy
    },
    errors: ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  },
  {
    name: 'a selector of its own',
    change: object => {
      object.spec.selector = { matchLabels: { a: 'b' } }
    },
    errors: [
      'spec.selector: Invalid value: {"matchLabels":{"a":"b","batch.kubernetes.io/controller-uid":"u1"}}: `selector` not auto-generated',
      'spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/job-name":"work","job-name":"work","batch.kubernetes.io/controller-uid":"u1","controller-uid":"u1"}: `selector` does not match template `labels`',
    ],
  },
  {
    name: 'indexed without completions',
    change: object => {
      object.spec.completionMode = 'Indexed'
      object.spec.parallelism = 2
    },
    errors: ['spec.completions: Required value: when completion mode is Indexed'],
  },
  {
    name: 'limit per index without indexes',
    change: object => {
      object.spec.backoffLimitPerIndex = 1
    },
    errors: ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
  },
  {
    name: 'failure rule that says nothing',
    change: object => {
      object.spec.podFailurePolicy = { rules: [{ action: 'FailJob' }] }
    },
    errors: [
      'spec.podFailurePolicy.rules[0]: Invalid value: {"action":"FailJob"}: specifying one of OnExitCodes and OnPodConditions is required',
    ],
  },
])

testUpdate(JobKind, job, [
  {
    name: 'parallelism',
    change: object => {
      object.spec.parallelism = 3
    },
    errors: [],
  },
  {
    name: 'completions',
    change: object => {
      object.spec.completions = 3
    },
    errors: ['spec.completions: Invalid value: 3: field is immutable'],
  },
])

test('Job: defaults and selector', () => {
  const { spec, metadata } = created(JobKind, job)
  assert.equal(metadata.generation, 1)
  assert.deepEqual(
    [spec.completions, spec.parallelism, spec.backoffLimit, spec.completionMode, spec.suspend, spec.manualSelector],
    [1, 1, 6, 'NonIndexed', false, false],
  )
  assert.deepEqual(spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } })
  assert.deepEqual(spec.template.metadata!.labels, {
    'batch.kubernetes.io/job-name': 'work',
    'job-name': 'work',
    'batch.kubernetes.io/controller-uid': 'u1',
    'controller-uid': 'u1',
  })
})

const cron = {
  metadata: { name: 'nightly', namespace: 'default' },
  spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template } } },
} as unknown as CronJob

testCreate(CronJobKind, cron, [
  {
    name: 'no schedule',
    change: object => {
      object.spec.schedule = ''
    },
    errors: ['spec.schedule: Required value'],
  },
  {
    name: 'four fields',
    change: object => {
      object.spec.schedule = '* * * *'
    },
    errors: ['spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'],
  },
  {
    name: 'a long name',
    change: object => {
      object.metadata.name = 'x'.repeat(53)
    },
    errors: [`metadata.name: Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`],
  },
  {
    name: 'no such policy',
    change: object => {
      object.spec.concurrencyPolicy = 'X'
    },
    errors: ['spec.concurrencyPolicy: Unsupported value: "X": supported values: "Allow", "Forbid", "Replace"'],
  },
  {
    name: 'no such time zone',
    change: object => {
      object.spec.timeZone = 'Mars/Base'
    },
    errors: ['spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'],
  },
])

test('schedules', () => {
  for (const good of ['*/5 * * * *', '0 0 1 jan sun', '1-5,7 2 * * 1-5', '@daily', '@every 1h30m', '? * * * ?']) {
    assert.equal(scheduleProblem(good), undefined, good)
  }
  for (const bad of ['60 * * * *', '* * 0 * *', '*/0 * * * *', '5-1 * * * *', 'x * * * *', '@sometimes', '* * * * 7']) {
    assert.notEqual(scheduleProblem(bad), undefined, bad)
  }
})
