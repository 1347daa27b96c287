/** The pods of a job: how they are made and what has become of them (kubernetes pkg/controller/job). */

import { Jobs } from '@canopus/api'
import type { Job } from '@canopus/api/batch/v1'
import type { Container, Pod } from '@canopus/api/core/v1'
import { parseTime } from '@canopus/apimachinery'
import { podFromTemplate } from '../common/pods.ts'

/** Holds a pod until its end is counted. */
export const TRACKING = 'batch.kubernetes.io/job-tracking'
export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index'
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count'
export const IGNORED_INDEX_FAILURES = 'batch.kubernetes.io/job-index-ignored-failure-count'

/** A pod to be made: its index where the job has those, and how often that index has failed. */
export interface NewPod {
  index: number | undefined
  failures?: number
  /** Failures that the job's policy ignores. */
  ignored?: number
}

export const isIndexed = (job: Job): boolean => job.spec.completionMode === 'Indexed'
export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(TRACKING) === true
export const hasSucceeded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded'

/** Pods on their way out count as failed at once, unless the job waits until they really have ended. */
export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true
  if (waitsForFailure(job)) return false
  return pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded'
}

/** Replacements come only when the former pod has failed for good. */
export function waitsForFailure(job: Job): boolean {
  return job.spec.podReplacementPolicy === 'Failed' || job.spec.podFailurePolicy !== undefined
}

export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[COMPLETION_INDEX] ?? pod.metadata.labels?.[COMPLETION_INDEX]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** How often the index of the pod had failed when it was made: what counts, what the policy ignores, and both. */
export const failuresBefore = (pod: Pod): number => countIn(pod, INDEX_FAILURES)
export const ignoredFailuresBefore = (pod: Pod): number => countIn(pod, IGNORED_INDEX_FAILURES)
export const allFailuresBefore = (pod: Pod): number => failuresBefore(pod) + ignoredFailuresBefore(pod)

function countIn(pod: Pod, annotation: string): number {
  const count = Number(pod.metadata.annotations?.[annotation] ?? 0)
  return Number.isInteger(count) ? count : 0
}

/** When the pod ended, in milliseconds. */
export function endOf(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? [])
    .map(status => parseTime(status.state?.terminated?.finishedAt ?? ''))
    .filter(end => end !== undefined)
  if (ends.length > 0) return Math.max(...(ends as number[]))
  const ready = pod.status?.conditions?.find(condition => condition.type === 'Ready')
  const unready = ready?.status === 'False' ? parseTime(ready.lastTransitionTime ?? '') : undefined
  if (unready !== undefined) return unready
  const { creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata
  // The time of deletion is when its grace ends: it was asked for before.
  if (deletionTimestamp) return (parseTime(deletionTimestamp) ?? 0) - deletionGracePeriodSeconds * 1000
  return parseTime(creationTimestamp) ?? 0
}

export function jobPod(job: Job, { index, failures = 0, ignored = 0 }: NewPod): Pod {
  const pod = podFromTemplate(job, Jobs, job.spec.template)
  const metadata = { ...pod.metadata, finalizers: [...(pod.metadata.finalizers ?? []), TRACKING] }
  if (index === undefined) return { ...pod, metadata }
  const suffix = `-${index}-`
  const perIndex: Record<string, string> =
    job.spec.backoffLimitPerIndex === undefined
      ? {}
      : {
          [INDEX_FAILURES]: String(failures),
          ...(ignored > 0 ? { [IGNORED_INDEX_FAILURES]: String(ignored) } : {}),
        }
  return {
    ...pod,
    metadata: {
      ...metadata,
      generateName: `${job.metadata.name.slice(0, MAX_GENERATE_NAME - suffix.length)}${suffix}`,
      labels: { ...metadata.labels, [COMPLETION_INDEX]: String(index) },
      annotations: { ...metadata.annotations, [COMPLETION_INDEX]: String(index), ...perIndex },
    },
    spec: {
      ...pod.spec!,
      hostname: `${job.metadata.name}-${index}`,
      containers: pod.spec!.containers.map(withIndex),
      ...(pod.spec!.initContainers ? { initContainers: pod.spec!.initContainers.map(withIndex) } : {}),
    },
  }
}

/** The server cuts off what is longer, and the index must stay. */
const MAX_GENERATE_NAME = 58
const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX'

function withIndex(container: Container): Container {
  if (container.env?.some(variable => variable.name === INDEX_VARIABLE)) return container
  const fieldPath = `metadata.labels['${COMPLETION_INDEX}']`
  return {
    ...container,
    env: [...(container.env ?? []), { name: INDEX_VARIABLE, valueFrom: { fieldRef: { fieldPath } } }],
  }
}
