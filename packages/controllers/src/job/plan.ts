/**
 * What to do next for a job. Pods are counted exactly once: first their uids are noted in the status, then their tracking
 * finalizers go, then the counters take the place of the uids.
 * Behaviour: kubernetes pkg/controller/job/job_controller.go.
 */

import type { Job, JobCondition, JobStatus } from '@canopus/api/batch/v1'
import type { Pod } from '@canopus/api/core/v1'
import { findCondition, formatTime, parseTime } from '@canopus/apimachinery'
import { isReady } from '../common/pods.ts'
import { type FailureVerdict, judgeFailure } from './failure-policy.ts'
import { formatIndexes, parseIndexes } from './indexes.ts'
import {
  allFailuresBefore,
  endOf,
  failuresBefore,
  hasFailed,
  hasSucceeded,
  ignoredFailuresBefore,
  indexOf,
  isIndexed,
  isTracked,
  type NewPod,
  waitsForFailure,
} from './pods.ts'

const BURST = 500
const FIRST_DELAY_MS = 10_000
const LONGEST_DELAY_MS = 600_000
/** No more uids than this are noted at a time. */
const MAX_UNCOUNTED = 500

/** Failures in a row, remembered between plans. */
export interface FailureStreak {
  failures: number
  lastAt: number
}

export interface JobState {
  job: Job
  pods: readonly Pod[]
  now: number
  streak: FailureStreak | undefined
}

export interface JobPlan {
  /** One pod each; the index is missing where the job has none. */
  create: NewPod[]
  /** Too many, or not wanted now: they are not counted. */
  discard: Pod[]
  /** Of a job that has ended: they count as failed. */
  stop: Pod[]
  /** Counted, or never to be counted: their finalizers go once the status is written. */
  untrack: Pod[]
  status: JobStatus
  /** Milliseconds until something is due. */
  waitMs: number | undefined
  streak: FailureStreak | undefined
  events: { type: 'Normal' | 'Warning'; reason: string; message: string }[]
}

export function isJobFinished(job: Job): boolean {
  return ['Complete', 'Failed'].some(type => findCondition(job.status?.conditions, type)?.status === 'True')
}

export function planJob(state: JobState): JobPlan {
  return new Planner(state).plan()
}

/** What came before in an index: failures that its policy ignores do not end it, but delay the next pod as well. */
interface IndexFailures extends FailureStreak {
  ignored: number
}

interface End {
  type: 'FailureTarget' | 'SuccessCriteriaMet'
  reason: string
  message: string
}

class Planner {
  readonly #job: Job
  readonly #pods: readonly Pod[]
  readonly #now: number
  readonly #active: Pod[]
  readonly #terminating: Pod[]
  readonly #plan: JobPlan
  /** Failed and not counted yet. */
  readonly #failures = new Map<Pod, FailureVerdict>()
  #uncounted: { succeeded: Set<string>; failed: Set<string> }
  #succeeded = 0
  #failed = 0
  #completed = new Set<number>()
  #failedIndexes = new Set<number>()

  constructor({ job, pods, now, streak }: JobState) {
    this.#job = job
    this.#pods = pods
    this.#now = now
    const isLive = (pod: Pod): boolean => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
    this.#active = pods.filter(pod => isLive(pod) && !pod.metadata.deletionTimestamp)
    this.#terminating = pods.filter(pod => isLive(pod) && pod.metadata.deletionTimestamp)
    this.#uncounted = {
      succeeded: new Set(job.status?.uncountedTerminatedPods?.succeeded),
      failed: new Set(job.status?.uncountedTerminatedPods?.failed),
    }
    this.#plan = {
      create: [],
      discard: [],
      stop: [],
      untrack: [],
      status: { ...job.status },
      waitMs: undefined,
      streak,
      events: [],
    }
  }

  plan(): JobPlan {
    if (isJobFinished(this.#job)) {
      this.#plan.untrack = this.#pods.filter(isTracked)
      return this.#plan
    }
    this.#fold()
    this.#note()
    const end = this.#end()
    this.#count(end)
    let active = this.#active.length
    if (end) {
      this.#plan.stop = this.#active
      active = 0
    } else if (this.#job.spec.suspend) {
      this.#plan.discard = this.#active
      active = 0
    } else if (!this.#job.metadata.deletionTimestamp) {
      active = this.#manage()
    }
    this.#writeStatus(end, active)
    return this.#plan
  }

  get #limit(): number {
    return this.#job.spec.completions ?? Number.POSITIVE_INFINITY
  }

  /** Uids whose pods have lost their finalizer become numbers. */
  #fold(): void {
    const tracked = new Set(this.#pods.filter(isTracked).map(pod => pod.metadata.uid))
    this.#succeeded = this.#job.status?.succeeded ?? 0
    this.#failed = this.#job.status?.failed ?? 0
    for (const uid of [...this.#uncounted.succeeded]) {
      if (tracked.has(uid)) continue
      this.#uncounted.succeeded.delete(uid)
      this.#succeeded += 1
    }
    for (const uid of [...this.#uncounted.failed]) {
      if (tracked.has(uid)) continue
      this.#uncounted.failed.delete(uid)
      this.#failed += 1
    }
    if (!isIndexed(this.#job)) return
    this.#completed = parseIndexes(this.#job.status?.completedIndexes, this.#limit)
    this.#failedIndexes = parseIndexes(this.#job.status?.failedIndexes, this.#limit)
  }

  /** Finds the pods that have ended since. */
  #note(): void {
    let lastSuccess = Number.NEGATIVE_INFINITY
    for (const pod of this.#pods) {
      const { uid } = pod.metadata
      if (!isTracked(pod)) continue
      if (this.#uncounted.succeeded.has(uid) || this.#uncounted.failed.has(uid)) this.#plan.untrack.push(pod)
      else if (hasSucceeded(pod)) {
        if (this.#isFull) continue
        lastSuccess = Math.max(lastSuccess, endOf(pod))
        this.#plan.untrack.push(pod)
        if (!isIndexed(this.#job)) this.#uncounted.succeeded.add(uid)
        else if (this.#isInRange(pod)) this.#completed.add(indexOf(pod)!)
      } else if (hasFailed(this.#job, pod) && this.#isInRange(pod)) {
        this.#failures.set(pod, judgeFailure(this.#job, pod))
      }
    }
    for (const [pod, verdict] of this.#failures) this.#noteIndexFailure(pod, verdict)
    if (isIndexed(this.#job)) this.#succeeded = this.#completed.size
    this.#noteStreak(lastSuccess)
  }

  /** Failures up to the last success are forgiven. Where every index has failures of its own, the job has no streak. */
  #noteStreak(lastSuccess: number): void {
    if (lastSuccess > Number.NEGATIVE_INFINITY) this.#plan.streak = undefined
    if (this.#job.spec.backoffLimitPerIndex !== undefined) return
    const ends = [...this.#failures.keys()].map(pod => endOf(pod)).filter(at => at > lastSuccess)
    if (ends.length === 0) return
    const before = this.#plan.streak
    this.#plan.streak = {
      failures: (before?.failures ?? 0) + ends.length,
      lastAt: Math.max(before?.lastAt ?? Number.NEGATIVE_INFINITY, ...ends),
    }
  }

  /** Counts the failures, and, once the job is over or on its way out, lets go of all other pods. */
  #count(end: End | undefined): void {
    const isLast = end !== undefined || this.#job.metadata.deletionTimestamp !== undefined
    const held = isLast ? new Set<Pod>() : this.#held()
    for (const [pod, verdict] of this.#failures) {
      if (held.has(pod)) continue
      if (this.#isFull) return
      this.#plan.untrack.push(pod)
      if (verdict.action !== 'Ignore') this.#uncounted.failed.add(pod.metadata.uid)
    }
    if (!isLast) return
    for (const pod of this.#pods) {
      if (!isTracked(pod) || hasSucceeded(pod) || this.#failures.has(pod)) continue
      if (this.#uncounted.failed.has(pod.metadata.uid)) continue
      if (this.#isFull) return
      this.#plan.untrack.push(pod)
      const isFailure = end?.type === 'FailureTarget' && this.#isInRange(pod)
      if (isFailure && judgeFailure(this.#job, pod).action !== 'Ignore') this.#uncounted.failed.add(pod.metadata.uid)
    }
  }

  /** The last failed pod of an index stays until its successor is there, which takes over the count of failures. */
  #held(): Set<Pod> {
    const byIndex = new Map<number, Pod>()
    if (this.#job.spec.backoffLimitPerIndex === undefined) return new Set()
    const replaced = new Set(this.#active.map(indexOf))
    for (const pod of this.#failures.keys()) {
      const index = indexOf(pod)
      if (index === undefined || replaced.has(index)) continue
      if (this.#completed.has(index) || this.#failedIndexes.has(index)) continue
      const other = byIndex.get(index)
      if (!other || allFailuresBefore(other) <= allFailuresBefore(pod)) byIndex.set(index, pod)
    }
    return new Set(byIndex.values())
  }

  get #isFull(): boolean {
    return this.#uncounted.succeeded.size + this.#uncounted.failed.size >= MAX_UNCOUNTED
  }

  /** Pods of an indexed job count only with an index that it has. */
  #isInRange(pod: Pod): boolean {
    return !isIndexed(this.#job) || (indexOf(pod) ?? this.#limit) < this.#limit
  }

  #noteIndexFailure(pod: Pod, verdict: FailureVerdict): void {
    const { backoffLimitPerIndex } = this.#job.spec
    const index = indexOf(pod)
    if (backoffLimitPerIndex === undefined || index === undefined || this.#completed.has(index)) return
    const isOneTooMany = verdict.action !== 'Ignore' && failuresBefore(pod) >= backoffLimitPerIndex
    if (verdict.action === 'FailIndex' || isOneTooMany) this.#failedIndexes.add(index)
  }

  /** Whether the job has come to its end, or is coming to it. */
  #end(): End | undefined {
    const { conditions } = this.#job.status ?? {}
    for (const type of ['SuccessCriteriaMet', 'FailureTarget'] as const) {
      const condition = findCondition(conditions, type)
      if (condition?.status === 'True') {
        return { type, reason: condition.reason ?? '', message: condition.message ?? '' }
      }
    }
    return this.#failure() ?? this.#success()
  }

  #failure(): End | undefined {
    const fail = (reason: string, message: string): End => ({ type: 'FailureTarget', reason, message })
    const { backoffLimit, activeDeadlineSeconds, backoffLimitPerIndex, maxFailedIndexes } = this.#job.spec
    const newFailures = [...this.#failures.values()]
    for (const verdict of newFailures) {
      if (verdict.action === 'FailJob') return fail('PodFailurePolicy', verdict.message)
    }
    const limit = backoffLimit ?? (backoffLimitPerIndex === undefined ? 6 : Number.POSITIVE_INFINITY)
    const counting = newFailures.filter(({ action }) => action !== 'Ignore').length
    if (this.#failed + this.#uncounted.failed.size + counting > limit || this.#restartsExceed(limit)) {
      return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
    }
    const started = parseTime(this.#job.status?.startTime ?? '')
    if (activeDeadlineSeconds !== undefined && started !== undefined && !this.#job.spec.suspend) {
      const left = started + activeDeadlineSeconds * 1000 - this.#now
      if (left <= 0) return fail('DeadlineExceeded', 'Job was active longer than specified deadline')
      this.#wait(left)
    }
    if (backoffLimitPerIndex === undefined) return undefined
    if (maxFailedIndexes !== undefined && this.#failedIndexes.size > maxFailedIndexes) {
      return fail('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes')
    }
    if (this.#failedIndexes.size > 0 && this.#completed.size + this.#failedIndexes.size >= this.#limit) {
      return fail('FailedIndexes', 'Job has failed indexes')
    }
    return undefined
  }

  #restartsExceed(limit: number): boolean {
    if (this.#job.spec.template.spec.restartPolicy !== 'OnFailure') return false
    let restarts = 0
    for (const { status } of [...this.#active, ...this.#terminating]) {
      for (const each of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
        restarts += each.restartCount ?? 0
      }
    }
    return limit === 0 ? restarts > 0 : restarts >= limit
  }

  #success(): End | undefined {
    const { completions, successPolicy } = this.#job.spec
    for (const [index, rule] of (successPolicy?.rules ?? []).entries()) {
      const wanted = rule.succeededIndexes === undefined ? undefined : parseIndexes(rule.succeededIndexes, this.#limit)
      // Where the job has none of the indexes (any more), the rule says nothing.
      if (this.#completed.size === 0 || wanted?.size === 0) continue
      const met = wanted ? [...wanted].filter(each => this.#completed.has(each)).length : this.#completed.size
      const needed = rule.succeededCount ?? wanted?.size ?? Number.POSITIVE_INFINITY
      if (met >= needed) {
        return { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: `Matched rules at index ${index}` }
      }
    }
    const done = this.#succeeded + this.#uncounted.succeeded.size
    const isDone = completions === undefined ? done > 0 && this.#active.length === 0 : done >= completions
    if (!isDone) return undefined
    const message = 'Reached expected number of succeeded pods'
    return { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message }
  }

  /** Brings the number of active pods to what is wanted; answers what it will be. */
  #manage(): number {
    const { completions, parallelism = 1 } = this.#job.spec
    const done = this.#succeeded + this.#uncounted.succeeded.size
    const active = this.#active.length
    let wanted: number
    if (completions === undefined) wanted = done > 0 ? active : parallelism
    else wanted = Math.max(0, Math.min(parallelism, completions - done))
    const surplus = this.#surplus(active - wanted).slice(0, BURST)
    if (surplus.length > 0) {
      this.#plan.discard = surplus
      return active - surplus.length
    }
    const terminating = waitsForFailure(this.#job) ? this.#terminating.length : 0
    const missing = Math.min(wanted - active - terminating, BURST)
    if (missing <= 0) return active
    if (isIndexed(this.#job)) this.#createIndexes(missing)
    else if (!this.#isBackingOff(this.#plan.streak)) {
      for (let i = 0; i < missing; i++) this.#plan.create.push({ index: undefined })
    }
    return active + this.#plan.create.length
  }

  /** Pods to remove: those without an index of their own, and at least so many. */
  #surplus(atLeast: number): Pod[] {
    const surplus: Pod[] = []
    const left: Pod[] = []
    const taken = new Set<number>()
    for (const pod of [...this.#active].sort(leastWorthFirst).reverse()) {
      const index = indexOf(pod)
      if (isIndexed(this.#job) && (!this.#isInRange(pod) || taken.has(index!))) surplus.push(pod)
      else left.push(pod)
      if (index !== undefined) taken.add(index)
    }
    return [...surplus, ...left.reverse().slice(0, Math.max(0, atLeast - surplus.length))]
  }

  #createIndexes(missing: number): void {
    const perIndex = this.#job.spec.backoffLimitPerIndex !== undefined
    if (!perIndex && this.#isBackingOff(this.#plan.streak)) return
    const taken = new Set(this.#active.map(indexOf))
    if (waitsForFailure(this.#job)) for (const pod of this.#terminating) taken.add(indexOf(pod))
    const failures = perIndex ? this.#failuresByIndex() : new Map<number, IndexFailures>()
    for (let index = 0; index < this.#limit && this.#plan.create.length < missing; index++) {
      if (taken.has(index) || this.#completed.has(index) || this.#failedIndexes.has(index)) continue
      const before = failures.get(index)
      if (before && this.#isBackingOff({ failures: before.failures + before.ignored, lastAt: before.lastAt })) continue
      const { failures: count = 0, ignored = 0 } = before ?? {}
      this.#plan.create.push({ index, failures: count, ignored })
    }
  }

  #failuresByIndex(): Map<number, IndexFailures> {
    const byIndex = new Map<number, IndexFailures>()
    for (const pod of this.#pods) {
      const index = indexOf(pod)
      if (index === undefined || !hasFailed(this.#job, pod)) continue
      const isIgnored = judgeFailure(this.#job, pod).action === 'Ignore'
      const failures = failuresBefore(pod) + (isIgnored ? 0 : 1)
      const ignored = ignoredFailuresBefore(pod) + (isIgnored ? 1 : 0)
      const known = byIndex.get(index)
      if (known && known.failures + known.ignored >= failures + ignored) continue
      byIndex.set(index, { failures, ignored, lastAt: endOf(pod) })
    }
    return byIndex
  }

  #isBackingOff(streak: FailureStreak | undefined): boolean {
    if (!streak || streak.failures === 0) return false
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (streak.failures - 1))
    const left = streak.lastAt + delay - this.#now
    if (left <= 0) return false
    this.#wait(left)
    return true
  }

  #wait(milliseconds: number): void {
    this.#plan.waitMs = Math.min(this.#plan.waitMs ?? Number.POSITIVE_INFINITY, milliseconds)
  }

  #writeStatus(end: End | undefined, active: number): void {
    const { spec, status: old } = this.#job
    const terminating = this.#terminating.length + this.#plan.stop.length
    const { startTime: _start, completedIndexes: _completed, failedIndexes: _failed, ...kept } = old ?? {}
    const status: JobStatus = {
      ...kept,
      active,
      ready: end || spec.suspend ? 0 : this.#active.filter(isReady).length,
      terminating: this.#terminating.length,
      succeeded: this.#succeeded,
      failed: this.#failed,
      uncountedTerminatedPods: {
        ...(this.#uncounted.succeeded.size > 0 ? { succeeded: [...this.#uncounted.succeeded] } : {}),
        ...(this.#uncounted.failed.size > 0 ? { failed: [...this.#uncounted.failed] } : {}),
      },
    }
    if (isIndexed(this.#job) && this.#completed.size > 0) status.completedIndexes = formatIndexes(this.#completed)
    if (spec.backoffLimitPerIndex !== undefined) status.failedIndexes = formatIndexes(this.#failedIndexes)
    const startTime = end ? this.#startBefore() : this.#suspension(status)
    if (startTime !== undefined) status.startTime = startTime
    if (end) {
      this.#set(status, end.type, 'True', end.reason, end.message)
      const isCounted = this.#uncounted.succeeded.size + this.#uncounted.failed.size === 0
      if (isCounted && terminating === 0 && this.#plan.stop.length === 0) this.#finish(status, end)
    }
    this.#plan.status = status
  }

  #finish(status: JobStatus, end: End): void {
    const time = formatTime(this.#now)
    if (end.type === 'SuccessCriteriaMet') {
      this.#set(status, 'Complete', 'True', end.reason, end.message)
      status.completionTime = time
      if (this.#succeeded > this.#limit) {
        const message = 'Too many succeeded pods running after completion count reached'
        this.#plan.events.push({ type: 'Warning', reason: 'TooManySucceededPods', message })
      }
      this.#plan.events.push({ type: 'Normal', reason: 'Completed', message: 'Job completed' })
    } else {
      this.#set(status, 'Failed', 'True', end.reason, end.message)
      this.#plan.events.push({ type: 'Warning', reason: end.reason, message: end.message })
    }
  }

  /** When the clock began to run; what has come to its end is neither suspended nor resumed any more. */
  #startBefore(): string | undefined {
    const { spec, status } = this.#job
    return status?.startTime ?? (spec.suspend ? undefined : formatTime(this.#now))
  }

  /** The condition Suspended, and when the clock for the deadline began to run. */
  #suspension(status: JobStatus): string | undefined {
    const { spec, status: old } = this.#job
    const suspended = findCondition(old?.conditions, 'Suspended')
    if (spec.suspend) {
      if (suspended?.status !== 'True') {
        this.#set(status, 'Suspended', 'True', 'JobSuspended', 'Job suspended')
        this.#plan.events.push({ type: 'Normal', reason: 'Suspended', message: 'Job suspended' })
      }
      return undefined
    }
    if (suspended?.status === 'True') {
      this.#set(status, 'Suspended', 'False', 'JobResumed', 'Job resumed')
      this.#plan.events.push({ type: 'Normal', reason: 'Resumed', message: 'Job resumed' })
      return formatTime(this.#now)
    }
    if (old?.startTime === undefined && spec.activeDeadlineSeconds !== undefined) {
      this.#wait(spec.activeDeadlineSeconds * 1000)
    }
    return old?.startTime ?? formatTime(this.#now)
  }

  #set(status: JobStatus, type: string, value: string, reason: string, message: string): void {
    const time = formatTime(this.#now)
    const known = findCondition(status.conditions, type)
    if (known?.status === value && known.reason === reason) return
    const condition: JobCondition = {
      type,
      status: value,
      reason,
      message,
      lastProbeTime: time,
      lastTransitionTime: time,
    }
    const conditions = status.conditions ?? []
    status.conditions = known ? conditions.map(each => (each === known ? condition : each)) : [...conditions, condition]
  }
}

/** Pods that are not up go first, then the youngest. */
function leastWorthFirst(a: Pod, b: Pod): number {
  const worth = (pod: Pod): number => (isReady(pod) ? 2 : pod.spec?.nodeName ? 1 : 0)
  return worth(a) - worth(b) || (a.metadata.creationTimestamp > b.metadata.creationTimestamp ? -1 : 1)
}
