import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { CronJobs, Jobs } from '@canopus/api'
import type { CronJobSpec } from '@canopus/api/batch/v1'
import { createWorld, type World } from '../testing/world.ts'
import { createCronJobController } from './controller.ts'
import { parseSchedule } from './schedule.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createCronJobController(world.context))
})
afterEach(() => world.stop())

const MINUTE = 60_000
const add = (spec: Partial<CronJobSpec> = {}) =>
  world.server.add(CronJobs, {
    metadata: { name: 'tick', namespace: 'default' },
    spec: {
      schedule: '*/1 * * * *',
      concurrencyPolicy: 'Allow',
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { metadata: { labels: { a: 'b' } }, spec: { template: { spec: { containers: [] } } } },
      ...spec,
    },
  })
const cronJob = () => world.server.get(CronJobs, 'tick', 'default')!
const names = () => world.server.list(Jobs).map(job => job.metadata.name)
const finish = (name: string, type: 'Complete' | 'Failed' = 'Complete') =>
  world.server.change(Jobs, name, 'default', job => {
    const time = new Date(world.clock.now()).toISOString()
    job.status = { conditions: [{ type, status: 'True' }], startTime: time, completionTime: time }
  })

test('a job for every moment, named after it', async () => {
  add()
  await world.settle(2 * MINUTE + 1_000)
  const minute = Math.floor(Date.UTC(2026, 0, 1) / MINUTE)
  assert.deepEqual(names(), [`tick-${minute + 1}`, `tick-${minute + 2}`])
  const [job] = world.server.list(Jobs)
  assert.equal(job!.metadata.labels?.a, 'b')
  assert.equal(job!.metadata.ownerReferences?.[0]?.kind, 'CronJob')
  assert.equal(job!.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'], '2026-01-01T00:01:00Z')
  assert.equal(cronJob().status?.active?.length, 2)
  assert.equal(cronJob().status?.lastScheduleTime, '2026-01-01T00:02:00Z')
  assert.ok(world.events.includes(`SuccessfulCreate Created job tick-${minute + 1}`))
  assert.deepEqual(world.figures(/^cronjob_controller_job_creation_skew_duration_seconds_(count|sum|bucket.*"1")/), [
    'cronjob_controller_job_creation_skew_duration_seconds_bucket{le="1"} 2',
    'cronjob_controller_job_creation_skew_duration_seconds_sum 0.2',
    'cronjob_controller_job_creation_skew_duration_seconds_count 2',
  ])
})

test('Forbid waits, Replace makes room', async () => {
  add({ concurrencyPolicy: 'Forbid' })
  await world.settle(3 * MINUTE + 1_000)
  assert.equal(names().length, 1)
  assert.ok(world.events.some(event => event.startsWith('JobAlreadyActive')))
  await world.context.client
    .resource(CronJobs)
    .patch('tick', 'merge', { spec: { concurrencyPolicy: 'Replace' } }, { namespace: 'default' })
  const [before] = names()
  await world.settle(MINUTE)
  assert.equal(names().length, 1)
  assert.notEqual(names()[0], before)
  assert.equal(cronJob().status?.active?.length, 1)
})

test('finished jobs leave the active list and, in time, the history', async () => {
  add({ successfulJobsHistoryLimit: 1 })
  await world.settle(1_000)
  for (let round = 0; round < 4; round++) {
    await world.settle(MINUTE)
    for (const job of world.server.list(Jobs)) if (!job.status?.conditions) finish(job.metadata.name)
  }
  await world.settle()
  assert.equal(names().length, 1)
  assert.deepEqual(cronJob().status?.active ?? [], [])
  assert.ok(cronJob().status?.lastSuccessfulTime)
  assert.ok(
    world.events.some(event => /^SawCompletedJob Saw completed job: tick-\d+, condition: Complete$/.test(event)),
  )
})

test('suspended it starts nothing; afterwards only the last missed moment counts', async () => {
  add({ suspend: true })
  await world.settle(10 * MINUTE + 1_000)
  assert.deepEqual(names(), [])
  await world.context.client
    .resource(CronJobs)
    .patch('tick', 'merge', { spec: { suspend: false } }, { namespace: 'default' })
  await world.settle()
  assert.equal(names().length, 1)
  assert.equal(cronJob().status?.lastScheduleTime, '2026-01-01T00:10:00Z')
})

test('a moment that was missed by more than the deadline is let go', async () => {
  add({ suspend: true, schedule: '5 0 * * *', startingDeadlineSeconds: 30 })
  await world.settle(8 * MINUTE)
  await world.context.client
    .resource(CronJobs)
    .patch('tick', 'merge', { spec: { suspend: false } }, { namespace: 'default' })
  await world.settle(MINUTE)
  assert.deepEqual(names(), [])
})

test('more than a hundred missed moments are told, and the last one counts', async () => {
  add({ suspend: true })
  await world.settle(120 * MINUTE + 1_000)
  const resource = world.context.client.resource(CronJobs)
  await resource.patch('tick', 'merge', { spec: { suspend: false } }, { namespace: 'default' })
  await world.settle()
  assert.equal(names().length, 1)
  assert.equal(cronJob().status?.lastScheduleTime, '2026-01-01T02:00:00Z')
  assert.ok(world.events.some(event => event.startsWith('TooManyMissedTimes too many missed start times')))
})

test('a schedule that makes no sense is reported', async () => {
  add({ schedule: 'every day' })
  await world.settle(MINUTE)
  assert.ok(world.events.some(event => event.startsWith('UnparseableSchedule')))
})

test('a schedule without any moment is reported', async () => {
  add({ schedule: '59 23 31 2 *' })
  await world.settle(MINUTE)
  const text = 'invalid schedule: 59 23 31 2 * : time difference between two schedules is less than 1 second'
  assert.ok(world.events.includes(`InvalidSchedule ${text}`), world.events.join())
})

test('a zone that there is not starts nothing and is told of', async () => {
  add({ timeZone: 'Nowhere/City' })
  await world.settle(2 * MINUTE)
  assert.deepEqual(names(), [])
  assert.ok(world.events.includes('UnknownTimeZone invalid timeZone: "Nowhere/City": unknown time zone Nowhere/City'))
})

test('a zone in the schedule itself counts, and is told of', async () => {
  add({ schedule: 'TZ=Asia/Kolkata 31 5 * * *' })
  await world.settle(2 * MINUTE)
  assert.deepEqual(names(), [`tick-${Math.floor(Date.UTC(2026, 0, 1, 0, 1) / MINUTE)}`])
  assert.ok(
    world.events.some(event => event.startsWith('UnsupportedSchedule CRON_TZ or TZ used in schedule "TZ=Asia/Kolkata')),
  )
})

describe('schedules', () => {
  const from = Date.UTC(2026, 0, 1, 0, 0, 30)
  const table: [string, string | undefined, string][] = [
    ['*/5 * * * *', undefined, '2026-01-01T00:05:00.000Z'],
    ['0 3 * * *', 'Europe/Berlin', '2026-01-01T02:00:00.000Z'],
    ['@hourly', undefined, '2026-01-01T01:00:00.000Z'],
    ['@every 90s', undefined, '2026-01-01T00:02:00.000Z'],
    ['0 0 13 * 5', undefined, '2026-01-02T00:00:00.000Z'],
    ['0 0 31 2 *', undefined, ''],
  ]
  for (const [text, zone, expected] of table) {
    test(text, () => {
      const next = parseSchedule(text, zone).next(from)
      assert.equal(next === undefined ? '' : new Date(next).toISOString(), expected)
    })
  }
  test('the last moment includes the present', () => {
    const schedule = parseSchedule('*/5 * * * *', undefined)
    assert.equal(schedule.last(Date.UTC(2026, 0, 1, 0, 5), 0), Date.UTC(2026, 0, 1, 0, 5))
    assert.equal(schedule.last(Date.UTC(2026, 0, 1, 0, 4, 59), 0), Date.UTC(2026, 0, 1))
  })
})
