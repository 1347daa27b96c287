import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CronJob, Job } from '@canopus/api/batch/v1'
import { dueTime, finishedAs, jobName, surplusJobs } from './plan.ts'
import { parseSchedule } from './schedule.ts'

const at = (text: string): number => Date.parse(`2026-01-${text}Z`)
const short = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().slice(8, 16)

const cronOf = (created: string, last?: string, deadline?: number): CronJob =>
  ({
    metadata: { name: 'tick', creationTimestamp: new Date(at(created)).toISOString() },
    spec: { ...(deadline === undefined ? {} : { startingDeadlineSeconds: deadline }) },
    status: last === undefined ? {} : { lastScheduleTime: new Date(at(last)).toISOString() },
  }) as unknown as CronJob

describe('which moment waits for its job', () => {
  type Case = [what: string, schedule: string, cron: CronJob, now: string, due: string | undefined, tooMany?: boolean]
  const hourly = '0 * * * *'
  const cases: Case[] = [
    ['none yet', hourly, cronOf('01T10:10'), '01T10:59', undefined],
    ['the first one', hourly, cronOf('01T10:10'), '01T11:00', '01T11:00'],
    ['one that was just missed', hourly, cronOf('01T10:10'), '01T11:07', '01T11:00'],
    ['of several the last', hourly, cronOf('01T10:10'), '01T14:30', '01T14:00'],
    ['not the one that had its job', hourly, cronOf('01T10:10', '01T11:00'), '01T11:30', undefined],
    ['the one after that', hourly, cronOf('01T10:10', '01T11:00'), '01T12:00', '01T12:00'],
    ['within the deadline', hourly, cronOf('01T10:10', undefined, 600), '01T11:05', '01T11:00'],
    ['none within the deadline', hourly, cronOf('01T10:10', undefined, 600), '01T11:15', undefined],
    ['a hundred are many', hourly, cronOf('01T00:30'), '05T04:10', '05T04:00'],
    ['one more is too many', hourly, cronOf('01T00:30'), '05T05:10', '05T05:00', true],
    ['not where the deadline forgets most', hourly, cronOf('01T00:30', undefined, 7200), '05T05:10', '05T05:00'],
    ['a moment in a zone of its own', 'TZ=Asia/Kolkata 0 12 * * *', cronOf('01T00:00'), '01T07:00', '01T06:30'],
  ]
  for (const [what, schedule, cron, now, due, tooMany = false] of cases) {
    it(what, () => {
      const { scheduled, tooManyMissed } = dueTime(cron, parseSchedule(schedule, undefined), at(now))
      assert.deepEqual([short(scheduled), tooManyMissed], [due, tooMany])
    })
  }
  it('says how long until the next one', () => {
    assert.equal(dueTime(cronOf('01T10:10'), parseSchedule(hourly, undefined), at('01T10:59')).waitMs, 60_000)
  })
  it('knows a schedule without any moment', () => {
    const due = dueTime(cronOf('01T10:10'), parseSchedule('0 0 31 2 *', undefined), at('01T11:00'))
    assert.equal(due.scheduled, undefined)
    assert.ok(due.invalid)
  })
})

const jobOf = (name: string, end: string | undefined, minute: number): Job =>
  ({
    metadata: { name, creationTimestamp: '' },
    status: {
      startTime: `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z`,
      conditions: end === undefined ? [] : [{ type: end, status: 'True' }],
    },
  }) as unknown as Job

describe('which finished jobs go', () => {
  const jobs = [
    jobOf('c2', 'Complete', 2),
    jobOf('c1', 'Complete', 1),
    jobOf('c3', 'Complete', 3),
    jobOf('f1', 'Failed', 4),
    jobOf('f2', 'Failed', 5),
    jobOf('runs', undefined, 0),
    jobOf('suspended', 'Suspended', 0),
  ]
  const cases: [successful: number | undefined, failed: number | undefined, gone: string[]][] = [
    [3, 1, ['f1']],
    [1, 2, ['c1', 'c2']],
    [0, 0, ['c1', 'c2', 'c3', 'f1', 'f2']],
    [undefined, undefined, []],
    [undefined, 1, ['f1']],
  ]
  for (const [successfulJobsHistoryLimit, failedJobsHistoryLimit, gone] of cases) {
    it(`${successfulJobsHistoryLimit} and ${failedJobsHistoryLimit} are kept`, () => {
      const cron = { spec: { successfulJobsHistoryLimit, failedJobsHistoryLimit } } as unknown as CronJob
      assert.deepEqual(
        surplusJobs(cron, jobs).map(each => each.metadata.name),
        gone,
      )
    })
  }
  it('one that is suspended has not finished', () => {
    assert.deepEqual(jobs.map(finishedAs).slice(-2), [undefined, undefined])
  })
})

it('a job is named after its minute', () => {
  assert.equal(jobName(cronOf('01T00:00'), at('01T11:00') + 30_000), `tick-${at('01T11:00') / 60_000}`)
})
