import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
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
      'spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u1","batch.kubernetes.io/job-name":"work","controller-uid":"u1","job-name":"work"}: `selector` does not match template `labels`',
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
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
    ],
  },
])

testCreate(JobKind, job, [
  {
    name: 'managed by somebody without a domain',
    change: object => {
      object.spec.managedBy = 'me'
    },
    errors: ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
  },
  {
    name: 'managed by somebody in a domain',
    change: object => {
      object.spec.managedBy = 'example.com/queue-1/a_b'
    },
    errors: [],
  },
  {
    name: 'managed by what is no path',
    change: object => {
      object.spec.managedBy = 'example.com/a?b'
    },
    errors: [
      "spec.managedBy: Invalid value: \"a?b\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
    ],
  },
  {
    name: 'pods whose names would be too long',
    change: object => {
      object.metadata.name = 'x'.repeat(62)
      object.spec.completionMode = 'Indexed'
      object.spec.completions = 11
    },
    errors: [
      `metadata.name: Invalid value: "${'x'.repeat(62)}": will not able to create pod with invalid DNS label: ${'x'.repeat(62)}-10`,
    ],
  },
  {
    name: 'very many indexes with a limit for each',
    change: object => {
      Object.assign(object.spec, { completionMode: 'Indexed', completions: 100_001, backoffLimitPerIndex: 1 })
      object.spec.parallelism = 10_001
    },
    errors: [
      'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
      'spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
    ],
  },
  {
    name: 'indexes of success that make no sense',
    change: object => {
      Object.assign(object.spec, { completionMode: 'Indexed', completions: 3 })
      object.spec.successPolicy = { rules: [{ succeededIndexes: '1,1' }] }
    },
    errors: [
      'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "1,1": error parsing succeededIndexes: non-increasing order, previous: 1, current: 1',
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

test('Job: labels that are those of the template by default have all of these', () => {
  const all = {
    app: 'x',
    'batch.kubernetes.io/job-name': 'work',
    'job-name': 'work',
    'batch.kubernetes.io/controller-uid': 'u1',
    'controller-uid': 'u1',
  }
  const labelled = (metadata: object): Job => ({
    ...job,
    metadata: { ...job.metadata, ...metadata },
    spec: { ...job.spec, template: { ...job.spec.template, metadata: { labels: { app: 'x' } } } },
  })
  const { metadata, spec } = created(JobKind, labelled({}))
  assert.deepEqual([metadata.labels, spec.template.metadata!.labels], [all, all])
  assert.notEqual(metadata.labels, spec.template.metadata!.labels)
  assert.deepEqual(created(JobKind, labelled({ labels: { app: 'x' } })).metadata.labels, { app: 'x' })
})

const finished = [
  { type: 'SuccessCriteriaMet', status: 'True' },
  { type: 'Complete', status: 'True' },
]
const START = '2026-01-01T00:00:00Z'
const END = '2026-01-01T00:01:00Z'

const transitions: readonly [name: string, old: object, status: object, errors: readonly string[]][] = [
  ['success', { active: 1, startTime: START }, { conditions: finished, startTime: START, completionTime: END }, []],
  [
    'success without criteria, times or an end of its pods',
    {},
    { conditions: [finished[1]], active: 1, terminating: 1 },
    [
      'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      'status.completionTime: Required value: completionTime is required for Complete jobs',
      'status.active: Invalid value: 1: active>0 is invalid for finished job',
      'status.startTime: Required value: startTime is required for finished job',
      'status.terminating: Invalid value: 1: terminating>0 is invalid for finished job',
    ],
  ],
  [
    'failure without its target',
    { startTime: START },
    { startTime: START, conditions: [{ type: 'Failed', status: 'True' }] },
    ['status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition'],
  ],
  [
    'back to life',
    { conditions: finished, startTime: START, completionTime: END, failed: 1 },
    { startTime: START },
    [
      'status.conditions: Invalid value: cannot disable the terminal Complete=True condition',
      'status.failed: Invalid value: 0: cannot decrease the failed counter',
      'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
    ],
  ],
  [
    'indexes of a job that has none',
    {},
    { completedIndexes: '0', failedIndexes: '0' },
    [
      'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
      'status.failedIndexes: Invalid value: "0": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
      'status.failedIndexes: Invalid value: "0": failedIndexes and completedIndexes overlap at index: 0',
    ],
  ],
  [
    'a pod that is counted twice',
    {},
    { ready: 1, uncountedTerminatedPods: { succeeded: ['a'], failed: ['a', ''] } },
    [
      'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
      'status.uncountedTerminatedPods.failed[1]: Invalid value: "": must not be empty',
      'status.ready: Invalid value: 1: cannot set more ready pods than active',
    ],
  ],
]

for (const [name, old, status, errors] of transitions) {
  test(`Job status: ${name}`, () => {
    const stored = { ...created(JobKind, job), status: old } as Job
    const found = JobKind.strategy.validateStatusUpdate!({ ...stored, status } as Job, stored)
    assert.deepEqual(found.map(fieldErrorText), errors)
  })
}

test('Job: what pods use may change while the job is suspended and has none', () => {
  const old = created(JobKind, { ...job, spec: { ...structuredClone(job.spec), suspend: true } })
  const change = (from: Job, resources: object): string[] => {
    const next = structuredClone(from)
    next.spec.template.spec.containers[0]!.resources = resources
    return JobKind.strategy.validateUpdate!(next, from).map(error => error.field)
  }
  const suspended = [{ type: 'Suspended', status: 'True' }]
  assert.deepEqual(change({ ...old, status: { conditions: suspended } } as Job, { limits: { cpu: '1' } }), [])
  assert.deepEqual(change(old, { limits: { cpu: '1' } }), ['spec.template'])
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
    name: 'a zone in the schedule',
    change: object => {
      object.spec.schedule = 'TZ=UTC 0 3 * * *'
    },
    errors: [
      'spec.schedule: Invalid value: "TZ=UTC 0 3 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  },
  {
    name: 'a selector in the template',
    change: object => {
      object.spec.jobTemplate.spec!.selector = {}
    },
    errors: ['spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated'],
  },
  {
    name: 'a long name',
    change: object => {
      object.metadata.name = 'x'.repeat(53)
    },
    errors: [`metadata.name: Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`],
  },
  {
    name: 'a long name, which is told of last',
    change: object => {
      object.metadata.name = 'x'.repeat(53)
      object.spec.schedule = ''
    },
    errors: [
      'spec.schedule: Required value',
      `metadata.name: Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`,
    ],
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
