/** What the job controller tells of itself (kubernetes pkg/controller/job/metrics/metrics.go). */
import type { Job, JobStatus } from '@canopus/api/batch/v1'
import type { Pod } from '@canopus/api/core/v1'
import {
  type Counter,
  exponentialBuckets,
  type Family,
  type Histogram,
  type MetricsRegistry,
  perRegistry,
} from '@canopus/base'
import { isFinished } from '../common/pods.ts'
import { policyAction } from './failure-policy.ts'
import { parseIndexes } from './indexes.ts'
import type { JobPlan } from './plan.ts'
import { hasSucceeded, isIndexed, isTracked } from './pods.ts'

/** What a round did: waited for pods that it has asked for, looked, made pods, or took some away. */
export type SyncAction = 'reconciling' | 'tracking' | 'pods_created' | 'pods_deleted'

const POLICY_HELP =
  '[BETA] The number of failed Pods handled by failure policy with respect to the failure policy action applied based on the matched rule. Possible values of the action label correspond to the possible values for the failure policy rule action, which are: "FailJob", "Ignore" and "Count".'
const CREATION_HELP =
  '[ALPHA] The number of Pods created by the Job controller labelled with a reason for the Pod creation. Possible values of the "reason" label are: "new", "recreate_terminating_or_failed", "recreate_failed". Possible values of the "status" label are: "succeeded", "failed".'
const INDEXES_HELP =
  '[ALPHA] The number of finished indexes. Possible values for the status label are: "succeeded", "failed". Possible values for the backoffLimit label are: "perIndex" and "global"'
const TRACKED_HELP =
  '[BETA] The number of terminated pods (phase=Failed|Succeeded) that have the finalizer batch.kubernetes.io/job-tracking. The event label can be "add" or "delete".'

const modeOf = (job: Job): string => (isIndexed(job) ? 'Indexed' : 'NonIndexed')

export class JobMetrics {
  readonly #syncs: Family<Counter>
  readonly #syncDuration: Family<Histogram>
  readonly #finished: Family<Counter>
  readonly #podsFinished: Family<Counter>
  readonly #policyActions: Family<Counter>
  readonly #trackedEnds: Family<Counter>
  readonly #indexes: Family<Counter>
  readonly #creations: Family<Counter>
  readonly #external: Family<Counter>

  constructor(registry: MetricsRegistry) {
    const counter = (name: string, help: string, ...labels: string[]): Family<Counter> =>
      registry.counter(`job_controller_${name}`, help, labels)
    const sync = ['action', 'completion_mode', 'result']
    this.#syncs = counter('job_syncs_total', '[STABLE] The number of job syncs', ...sync)
    this.#syncDuration = registry.histogram(
      'job_controller_job_sync_duration_seconds',
      '[STABLE] The time it took to sync a job',
      sync,
      exponentialBuckets(0.004, 2, 15),
    )
    const ends = ['completion_mode', 'reason', 'result']
    this.#finished = counter('jobs_finished_total', '[STABLE] The number of finished jobs', ...ends)
    const podsHelp = '[STABLE] The number of finished Pods that are fully tracked'
    this.#podsFinished = counter('job_pods_finished_total', podsHelp, 'completion_mode', 'result')
    this.#policyActions = counter('pod_failures_handled_by_failure_policy_total', POLICY_HELP, 'action')
    this.#trackedEnds = counter('terminated_pods_tracking_finalizer_total', TRACKED_HELP, 'event')
    this.#indexes = counter('job_finished_indexes_total', INDEXES_HELP, 'backoffLimit', 'status')
    this.#creations = counter('job_pods_creation_total', CREATION_HELP, 'reason', 'status')
    const externalHelp = '[ALPHA] The number of Jobs managed by an external controller'
    this.#external = counter('jobs_by_external_controller_total', externalHelp, 'controller_name')
  }

  /** A round is over; `seconds` long. */
  synced(job: Job, action: SyncAction, result: 'success' | 'error', seconds: number): void {
    this.#syncs.with(action, modeOf(job), result).add()
    this.#syncDuration.with(action, modeOf(job), result).observe(seconds)
  }

  /** The status has been written: what it counts that the one before did not. */
  counted(job: Job, after: JobStatus, plan: JobPlan): void {
    const before = job.status ?? {}
    const mode = modeOf(job)
    const failed = (after.failed ?? 0) - (before.failed ?? 0)
    const succeeded = isIndexed(job)
      ? this.#countIndexes(job, before, after)
      : (after.succeeded ?? 0) - (before.succeeded ?? 0)
    if (succeeded > 0) this.#podsFinished.with(mode, 'succeeded').add(succeeded)
    if (failed > 0) this.#podsFinished.with(mode, 'failed').add(failed)
    for (const { type, status, reason = '' } of after.conditions ?? []) {
      const isNew = !before.conditions?.some(each => each.type === type && each.status === 'True')
      if (status !== 'True' || !isNew) continue
      if (type === 'Complete') this.#finished.with(mode, reason, 'succeeded').add()
      if (type === 'Failed') this.#finished.with(mode, reason, 'failed').add()
    }
    const known = new Set([
      ...(before.uncountedTerminatedPods?.failed ?? []),
      ...(before.uncountedTerminatedPods?.succeeded ?? []),
    ])
    for (const pod of plan.untrack) {
      if (known.has(pod.metadata.uid) || hasSucceeded(pod)) continue
      const action = policyAction(job, pod)?.action
      if (action !== undefined) this.#policyActions.with(action).add()
    }
  }

  #countIndexes(job: Job, before: JobStatus, after: JobStatus): number {
    const { completions = 0, backoffLimitPerIndex } = job.spec
    const label = backoffLimitPerIndex === undefined ? 'global' : 'perIndex'
    const more = (field: 'completedIndexes' | 'failedIndexes'): number =>
      after[field] === before[field]
        ? 0
        : parseIndexes(after[field], completions).size - parseIndexes(before[field], completions).size
    const succeeded = more('completedIndexes')
    if (succeeded > 0) this.#indexes.with(label, 'succeeded').add(succeeded)
    const failed = more('failedIndexes')
    if (backoffLimitPerIndex !== undefined && failed > 0) this.#indexes.with(label, 'failed').add(failed)
    return succeeded
  }

  /** Pods were made, or could not be. */
  created(job: Job, { status }: JobPlan, succeeded: number, failed: number): void {
    const failures = (status.failed ?? 0) + (status.uncountedTerminatedPods?.failed?.length ?? 0)
    const isAgain = failures > 0 || (status.terminating ?? 0) > 0
    const again = isAgain ? 'recreate_terminating_or_failed' : 'new'
    const reason = job.spec.podReplacementPolicy === 'Failed' && failures > 0 ? 'recreate_failed' : again
    if (succeeded > 0) this.#creations.with(reason, 'succeeded').add(succeeded)
    if (failed > 0) this.#creations.with(reason, 'failed').add(failed)
  }

  /** A pod has changed: it may have come to its end while it is tracked, or lost its finalizer after that. */
  podChanged(before: Pod | undefined, after: Pod | undefined): void {
    const holds = (pod: Pod | undefined): boolean => pod !== undefined && isFinished(pod) && isTracked(pod)
    const is = holds(after)
    if (holds(before) !== is) this.#trackedEnds.with(is ? 'add' : 'delete').add()
  }

  /** A job was made that somebody else looks after. */
  isExternal(manager: string): void {
    this.#external.with(manager).add()
  }
}

/** The figures in a registry. */
export const jobMetrics = perRegistry(registry => new JobMetrics(registry))
