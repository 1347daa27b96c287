/** Starts jobs by the clock (kubernetes pkg/controller/cronjob). */

import { CronJobs, Jobs } from '@canopus/api'
import type { CronJob, CronJobStatus, Job } from '@canopus/api/batch/v1'
import type { ObjectReference } from '@canopus/api/core/v1'
import {
  apiVersionOf,
  clone,
  controllerReference,
  formatTime,
  hasReason,
  isControlledBy,
  parseTime,
  semanticEqual,
} from '@canopus/apimachinery'
import { exponentialBuckets, type Histogram, perRegistry } from '@canopus/base'
import { splitKey } from '@canopus/client'
import {
  type Controller,
  type ControllerContext,
  defineController,
  owned,
  primary,
  type ReconcileResult,
} from '@canopus/operator'
import { isNamespaceTerminating } from '../replica-set.ts'
import { dueTime, finishedAs, jobName, surplusJobs } from './plan.ts'
import { parseSchedule, type Schedule } from './schedule.ts'

const SCHEDULED_TIMESTAMP = 'batch.kubernetes.io/cronjob-scheduled-timestamp'

export function createCronJobController(context: ControllerContext): Controller {
  const cronJobs = context.informers.informer(CronJobs)
  const jobs = context.informers.informer(Jobs)
  return defineController(context, {
    name: 'cronjob-controller',
    triggers: [primary(CronJobs), owned(Jobs, CronJobs)],
    async reconcile(key): Promise<ReconcileResult | undefined> {
      const { name, namespace } = splitKey(key)
      const cronJob = cronJobs.lister.get(name, namespace)
      if (!cronJob) return undefined
      const own = jobs.lister.list(namespace).filter(job => isControlledBy(job, cronJob))
      return new Sync(context, cronJob, own).run()
    },
  })
}

const creationSkew = perRegistry(registry =>
  registry
    .histogram(
      'cronjob_controller_job_creation_skew_duration_seconds',
      '[STABLE] Time between when a cronjob is scheduled to be run, and when the corresponding job is created',
      [],
      exponentialBuckets(1, 2, 10),
    )
    .with(),
)

/** One reconcile of one cron job. */
class Sync {
  readonly #context: ControllerContext
  readonly #cronJob: CronJob
  readonly #jobs: readonly Job[]
  readonly #skew: Histogram | undefined
  #status: CronJobStatus

  constructor(context: ControllerContext, cronJob: CronJob, jobs: readonly Job[]) {
    this.#context = context
    this.#cronJob = cronJob
    this.#jobs = jobs
    this.#skew = context.metrics && creationSkew(context.metrics)
    this.#status = { ...cronJob.status }
  }

  async run(): Promise<ReconcileResult | undefined> {
    await this.#noteFinished()
    for (const job of surplusJobs(this.#cronJob, this.#jobs)) await this.#delete(job)
    const result = await this.#start()
    if (!semanticEqual(this.#status, this.#cronJob.status)) {
      await this.#context.client.resource(CronJobs).updateStatus({ ...this.#cronJob, status: this.#status })
    }
    return result
  }

  /** Takes finished and lost jobs off the list of active ones. */
  async #noteFinished(): Promise<void> {
    const known = new Map(this.#jobs.map(job => [job.metadata.uid, job]))
    const active: ObjectReference[] = []
    for (const reference of this.#status.active ?? []) {
      const job = known.get(reference.uid ?? '') ?? (await this.#find(reference))
      const how = job && finishedAs(job)
      if (!job) this.#tell('Normal', 'MissingJob', `Active job went missing: ${reference.name}`)
      else if (how) this.#tell('Normal', 'SawCompletedJob', `Saw completed job: ${reference.name}, condition: ${how}`)
      else active.push(reference)
    }
    this.#status.active = active
    for (const job of this.#jobs) {
      if (finishedAs(job) === 'Complete') this.#noteSuccess(job)
      else if (
        !finishedAs(job) &&
        !job.metadata.deletionTimestamp &&
        !active.some(each => each.uid === job.metadata.uid)
      ) {
        const text = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`
        // Our own of a moment ago, when the status could not be written.
        if (job.metadata.annotations?.[SCHEDULED_TIMESTAMP]) active.push(referenceTo(job))
        else this.#tell('Warning', 'UnexpectedJob', text)
      }
    }
  }

  #noteSuccess({ status }: Job): void {
    const at = status?.completionTime
    if (at && (parseTime(at) ?? 0) > (parseTime(this.#status.lastSuccessfulTime ?? '') ?? 0)) {
      this.#status.lastSuccessfulTime = at
    }
  }

  /** A job that was just created may not be in the cache yet. */
  async #find({ name, uid }: ObjectReference): Promise<Job | undefined> {
    try {
      const job = await this.#context.client.resource(Jobs).get(name!, { namespace: this.#cronJob.metadata.namespace! })
      return job.metadata.uid === uid ? job : undefined
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined
      throw error
    }
  }

  async #get({ name }: ObjectReference): Promise<Job> {
    try {
      return await this.#context.client.resource(Jobs).get(name!, { namespace: this.#cronJob.metadata.namespace! })
    } catch (error) {
      this.#tell('Warning', 'FailedGet', `Get job: ${error instanceof Error ? error.message : error}`)
      throw error
    }
  }

  async #start(): Promise<ReconcileResult | undefined> {
    const { spec, metadata, status } = this.#cronJob
    if (metadata.deletionTimestamp) return undefined
    if (spec.timeZone !== undefined && !isTimeZone(spec.timeZone)) {
      const zone = JSON.stringify(spec.timeZone)
      this.#tell('Warning', 'UnknownTimeZone', `invalid timeZone: ${zone}: unknown time zone ${spec.timeZone}`)
      return undefined
    }
    if (spec.suspend) return undefined
    if (spec.schedule.includes('TZ')) {
      const text = `CRON_TZ or TZ used in schedule ${JSON.stringify(spec.schedule)} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details`
      this.#tell('Warning', 'UnsupportedSchedule', text)
    }
    let schedule: Schedule
    try {
      schedule = parseSchedule(spec.schedule, spec.timeZone)
    } catch (error) {
      this.#tell('Warning', 'UnparseableSchedule', `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${error}`)
      return undefined
    }
    const now = this.#context.clock.now()
    const { scheduled, tooManyMissed, waitMs, invalid } = dueTime(this.#cronJob, schedule, now)
    if (invalid !== undefined) {
      this.#tell('Warning', 'InvalidSchedule', `invalid schedule: ${spec.schedule} : ${invalid}`)
      return undefined
    }
    const later = waitMs === undefined ? undefined : { requeueAfter: waitMs + 100 }
    if (tooManyMissed) {
      const text = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew'
      this.#tell('Warning', 'TooManyMissedTimes', text)
    }
    if (scheduled === undefined || formatTime(scheduled) === status?.lastScheduleTime) return later
    const deadline = spec.startingDeadlineSeconds
    if (deadline !== undefined && scheduled + deadline * 1000 < now) {
      this.#tell('Warning', 'MissSchedule', `Missed scheduled time to start a job: ${longTime(scheduled)}`)
      return later
    }
    const name = jobName(this.#cronJob, scheduled)
    const active = this.#status.active ?? []
    if (active.some(each => each.name === name)) return later
    if (spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
      const text = 'Not starting job because prior execution is running and concurrency policy is Forbid'
      this.#tell('Normal', 'JobAlreadyActive', text)
      return later
    }
    if (spec.concurrencyPolicy === 'Replace') {
      for (const reference of active) await this.#delete(await this.#get(reference))
      this.#status.active = []
    }
    await this.#create(name, scheduled)
    return later
  }

  async #create(name: string, scheduled: number): Promise<void> {
    const { client } = this.#context
    const { metadata, spec } = this.#cronJob
    const { labels, annotations } = spec.jobTemplate.metadata ?? {}
    const namespace = metadata.namespace!
    let job: Job
    try {
      job = await client.resource(Jobs).create({
        metadata: {
          name,
          namespace,
          ...(labels ? { labels } : {}),
          annotations: { ...annotations, [SCHEDULED_TIMESTAMP]: formatTime(scheduled) },
          ownerReferences: [controllerReference(this.#cronJob, CronJobs)],
        },
        spec: clone(spec.jobTemplate.spec),
      })
      this.#tell('Normal', 'SuccessfulCreate', `Created job ${name}`)
      this.#skew?.observe((this.#context.clock.now() - scheduled) / 1000)
    } catch (error) {
      if (isNamespaceTerminating(error)) return
      if (!hasReason(error, 'AlreadyExists')) {
        const text = `Error creating job: ${error instanceof Error ? error.message : error}`
        this.#tell('Warning', 'FailedCreate', text)
        throw error
      }
      job = await client.resource(Jobs).get(name, { namespace })
      if (!isControlledBy(job, this.#cronJob)) throw error
    }
    this.#status.lastScheduleTime = formatTime(scheduled)
    if (!finishedAs(job)) this.#status.active = [...(this.#status.active ?? []), referenceTo(job)]
  }

  async #delete(job: Job): Promise<void> {
    const { name, namespace, uid } = job.metadata
    const body = { propagationPolicy: 'Background', preconditions: { uid } }
    try {
      await this.#context.client.resource(Jobs).delete(name, { namespace: namespace!, body })
      this.#tell('Normal', 'SuccessfulDelete', `Deleted job ${name}`)
    } catch (error) {
      if (hasReason(error, 'NotFound')) return
      this.#tell('Warning', 'FailedDelete', `Deleted job: ${error instanceof Error ? error.message : error}`)
      throw error
    }
    this.#status.active = (this.#status.active ?? []).filter(each => each.uid !== uid)
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#context.events.event(this.#cronJob, type, reason, message)
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name || 'UTC' })
    return true
  } catch {
    return false
  }
}

/** As RFC 1123 writes it, with a numeric zone. */
const longTime = (milliseconds: number): string => new Date(milliseconds).toUTCString().replace('GMT', '+0000')

function referenceTo({ metadata }: Job): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata
  return { apiVersion: apiVersionOf(Jobs), kind: Jobs.kind, name, namespace: namespace!, uid, resourceVersion }
}
