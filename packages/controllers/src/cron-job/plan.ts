/** What a cron job owes at this moment (kubernetes pkg/controller/cronjob/{cronjob_controllerv2,utils}.go). */

import type { CronJob, Job } from '@canopus/api/batch/v1'
import { parseTime } from '@canopus/apimachinery'
import type { Schedule } from './schedule.ts'

export interface Due {
  /** The moment for which a job should be started, in milliseconds. */
  scheduled: number | undefined
  /** More than a hundred moments have passed unused. */
  tooManyMissed: boolean
  /** Milliseconds until the next moment. */
  waitMs: number | undefined
  /** Why the schedule, though it can be read, has no moments. */
  invalid?: string
}

/** Upstream's parser answers two equal moments for the 31st of February. */
const NEVER = 'time difference between two schedules is less than 1 second'

/** Which moment, if any, still waits for its job. Of several missed ones only the last counts. */
export function dueTime(cronJob: CronJob, schedule: Schedule, now: number): Due {
  const last = parseTime(cronJob.status?.lastScheduleTime ?? '')
  let since = last ?? parseTime(cronJob.metadata.creationTimestamp) ?? now
  const deadline = cronJob.spec.startingDeadlineSeconds
  if (deadline !== undefined) since = Math.max(since, now - deadline * 1000)
  const upcoming = schedule.next(now)
  const waitMs = upcoming === undefined ? undefined : upcoming - now
  const first = schedule.next(since)
  if (first === undefined) return { scheduled: undefined, tooManyMissed: false, waitMs, invalid: NEVER }
  if (first > now) return { scheduled: undefined, tooManyMissed: false, waitMs }
  const scheduled = schedule.last(now, since) ?? first
  const second = schedule.next(first) ?? first
  const missed = second > first ? (scheduled - first) / (second - first) + 1 : 1
  return { scheduled, tooManyMissed: missed > 100, waitMs }
}

export const finishedAs = (job: Job): 'Complete' | 'Failed' | undefined =>
  (['Complete', 'Failed'] as const).find(type =>
    job.status?.conditions?.some(condition => condition.type === type && condition.status === 'True'),
  )

/** Finished jobs beyond what the history keeps, the oldest first. */
export function surplusJobs(cronJob: CronJob, jobs: readonly Job[]): Job[] {
  const surplus = (type: 'Complete' | 'Failed', limit: number | undefined): Job[] => {
    if (limit === undefined) return []
    const finished = jobs.filter(job => finishedAs(job) === type).sort(oldestFirst)
    return finished.slice(0, Math.max(0, finished.length - limit))
  }
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec
  return [...surplus('Complete', successfulJobsHistoryLimit), ...surplus('Failed', failedJobsHistoryLimit)]
}

function oldestFirst(a: Job, b: Job): number {
  const start = (job: Job): string => job.status?.startTime ?? job.metadata.creationTimestamp
  return start(a) < start(b) ? -1 : start(a) > start(b) ? 1 : a.metadata.name < b.metadata.name ? -1 : 1
}

/** The name tells the moment, so that nobody starts two jobs for it. */
export function jobName(cronJob: CronJob, scheduled: number): string {
  return `${cronJob.metadata.name}-${Math.floor(scheduled / 60_000)}`
}
