/** What controllers promise that look at the time, and not only at what changes. */
import type { HorizontalPodAutoscaler } from '@canopus/api/autoscaling/v2'
import type { CronJob, Job } from '@canopus/api/batch/v1'
import { findCondition } from '@canopus/apimachinery'
import { AUTOSCALERS, controllerOf, type Source } from './cluster-state.ts'
import type { Invariant } from './invariant.ts'

const SEEN_BY_CRON_JOBS: Source = ['controller-manager', 'cronjobs']

const isUnfinished = ({ status }: Job): boolean =>
  !['Complete', 'Failed'].some(type => findCondition(status?.conditions, type)?.status === 'True')

/**
 * A cron job that forbids more than one job, or replaces it, starts none while its status says that another is active. Of a job that did
 * not get into the status it does not know (cronjob_controllerv2.go syncCronJob).
 */
export function oneJobAtATime(): Invariant {
  /** From when on the status of a cron job has had this job, by its uid. */
  const since = new Map<string, number>()
  return {
    name: 'a cron job that allows one job starts no second',
    check({ kind, object, before, at }, state) {
      if (kind === 'cronjobs') {
        for (const { uid } of (object as CronJob | undefined)?.status?.active ?? []) {
          if (uid !== undefined && !since.has(uid)) since.set(uid, at)
        }
        return undefined
      }
      const owner = object && controllerOf(object)
      if (kind !== 'jobs' || owner === undefined || before?.metadata.uid === object?.metadata.uid) return undefined
      const cronJob = state.list<CronJob>('cronjobs').find(each => each.metadata.uid === owner)
      if (cronJob === undefined || (cronJob.spec.concurrencyPolicy ?? 'Allow') === 'Allow') return undefined
      const isKnown = ({ metadata: { uid } }: Job): boolean =>
        (since.get(uid) ?? at) < state.since(SEEN_BY_CRON_JOBS) &&
        (cronJob.status?.active ?? []).some(each => each.uid === uid)
      const other = state
        .list<Job>('jobs')
        .find(
          each =>
            each.metadata.uid !== object!.metadata.uid &&
            controllerOf(each) === owner &&
            each.metadata.deletionTimestamp === undefined &&
            isUnfinished(each) &&
            isKnown(each),
        )
      return other && `${object!.metadata.name} was made while ${other.metadata.name} was active`
    },
  }
}

/** No autoscaler wants less or more than it may, but for none where it is switched off. */
export const autoscalersWithinBounds: Invariant = {
  name: 'autoscalers stay within their bounds',
  check({ kind, object }) {
    if (kind !== AUTOSCALERS || object === undefined) return undefined
    const { metadata, spec, status } = object as HorizontalPodAutoscaler
    const wanted = status?.desiredReplicas ?? 0
    const { minReplicas = 1, maxReplicas } = spec
    if (wanted === 0 || (wanted >= minReplicas && wanted <= maxReplicas)) return undefined
    return `${metadata.name} wants ${wanted} replicas, not ${minReplicas} to ${maxReplicas}`
  },
}
