/**
 * Status of jobs (pkg/apis/batch/validation/validation.go: validateJobStatus; the rules that hold only for what changes
 * are chosen by pkg/registry/batch/job/strategy.go: getStatusValidationOptions).
 */
import {
  duplicate,
  type FieldError,
  invalid,
  invalidOmitted,
  isConditionTrue,
  required,
  semanticEqual,
} from '@canopus/apimachinery'
import type { Job, JobStatus } from '../../generated/batch.v1.ts'
import { checkNonNegative, type Errors } from '../shared/check.ts'
import { countIndexes, sharedIndex } from './index-intervals.ts'

const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const
const CONDITIONS = 'status.conditions'

/** What a job's conditions say. */
function verdictOf({ status }: Job) {
  const has = (type: string): boolean => isConditionTrue(status?.conditions, type)
  const complete = has('Complete')
  const failed = has('Failed')
  return {
    complete,
    failed,
    finished: complete || failed,
    failureTarget: has('FailureTarget'),
    successCriteriaMet: has('SuccessCriteriaMet'),
    suspended: has('Suspended'),
  }
}

type Verdict = ReturnType<typeof verdictOf>

interface Change {
  job: Job
  old: Job
  status: JobStatus
  before: JobStatus
  now: Verdict
  was: Verdict
  /** Whether one of these fields of the status is new or another. */
  changed(...fields: (keyof JobStatus)[]): boolean
  /** Whether one of these verdicts is another. */
  turned(...verdicts: (keyof Verdict)[]): boolean
}

/** Findings in the status of `job`, an update of `old`; figures that were wrong before may stay. */
export function validateJobStatusUpdate(job: Job, old: Job): FieldError[] {
  const errors: Errors = []
  const status = job.status ?? {}
  const before = old.status ?? {}
  const now = verdictOf(job)
  const was = verdictOf(old)
  const change: Change = {
    job,
    old,
    status,
    before,
    now,
    was,
    changed: (...fields) => fields.some(field => !semanticEqual(status[field], before[field])),
    turned: (...verdicts) => verdicts.some(verdict => now[verdict] !== was[verdict]),
  }
  for (const field of COUNTS) checkNonNegative(errors, `status.${field}`, status[field])
  checkUncounted(errors, status)
  checkVerdict(errors, change)
  checkTimes(errors, change)
  checkFinished(errors, change)
  checkIndexes(errors, change)
  checkTransition(errors, change)
  return errors
}

function checkUncounted(errors: Errors, { uncountedTerminatedPods }: JobStatus): void {
  const seen = new Set<string>()
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [index, uid] of (uncountedTerminatedPods?.[list] ?? []).entries()) {
      const field = `status.uncountedTerminatedPods.${list}[${index}]`
      if (uid === '') errors.push(invalid(field, uid, 'must not be empty'))
      else if (seen.has(uid)) errors.push(duplicate(field, uid))
      seen.add(uid)
    }
  }
}

/** Conditions that do not go together. */
function checkVerdict(errors: Errors, { job, now, changed, turned }: Change): void {
  const refuse = (text: string): void => void errors.push(invalidOmitted(CONDITIONS, text))
  if (turned('complete', 'failed') && now.complete && now.failed) {
    refuse('cannot set Complete=True and Failed=true conditions')
  }
  if (turned('complete', 'failureTarget') && now.complete && now.failureTarget) {
    refuse('cannot set Complete=True and FailureTarget=true conditions')
  }
  if ((turned('failed') || changed('failedIndexes')) && now.failed && !now.failureTarget) {
    refuse('cannot set Failed=True condition without the FailureTarget=true condition')
  }
  if (turned('complete', 'successCriteriaMet') && now.complete && !now.successCriteriaMet) {
    refuse('cannot set Complete=True condition without the SuccessCriteriaMet=true condition')
  }
  if (now.successCriteriaMet && now.failed) refuse('cannot set SuccessCriteriaMet=True and Failed=true conditions')
  if (now.successCriteriaMet && now.failureTarget) {
    refuse('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions')
  }
  if (job.spec.successPolicy && !now.successCriteriaMet && now.complete) {
    refuse('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True')
  }
}

function checkTimes(errors: Errors, { status, before, now, changed, turned, job, was }: Change): void {
  const field = 'status.completionTime'
  const { startTime, completionTime } = status
  if (turned('complete') || changed('completionTime')) {
    if (completionTime && !now.complete) {
      const text = 'cannot set completionTime when there is no Complete=True condition'
      errors.push(invalid(field, completionTime, text))
    }
    if (!completionTime && now.complete) {
      errors.push(required(field, 'completionTime is required for Complete jobs'))
    }
  }
  const moved = changed('startTime', 'completionTime')
  if (moved && startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime)) {
    errors.push(invalid(field, completionTime, 'must be equal to or after `startTime`'))
  }
  if (completionTime && before.completionTime && changed('completionTime')) {
    errors.push(invalid(field, completionTime, 'field is immutable'))
  }
  const resuming =
    was.suspended && status.conditions?.some(each => each.type === 'Suspended' && each.status === 'False')
  if (changed('startTime') && !resuming && before.startTime && !job.spec.suspend) {
    errors.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'))
  }
}

/** A job that is over has no pods left to count. */
function checkFinished(errors: Errors, { job, status, now, changed, turned }: Change): void {
  const over = now.finished
  const { active = 0, terminating = 0, ready, uncountedTerminatedPods: uncounted } = status
  if ((turned('finished') || changed('active')) && over && active > 0) {
    errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'))
  }
  const neverRuns = job.spec.suspend === true && job.spec.completions === 0
  if ((turned('finished') || changed('startTime')) && over && !status.startTime && !neverRuns) {
    errors.push(required('status.startTime', 'startTime is required for finished job'))
  }
  const left = (uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length
  if ((turned('finished') || changed('uncountedTerminatedPods')) && over && left > 0) {
    errors.push(invalid('status.uncountedTerminatedPods', uncounted, 'must be empty for finished job'))
  }
  if ((turned('finished') || changed('terminating')) && over && terminating > 0) {
    errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'))
  }
  if (changed('ready', 'active') && ready !== undefined && ready > active) {
    errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'))
  }
}

function checkIndexes(errors: Errors, { job: { spec }, status, changed }: Change): void {
  const { completedIndexes = '', failedIndexes } = status
  const { completions, backoffLimitPerIndex } = spec
  if (changed('completedIndexes')) {
    checkList(errors, 'completedIndexes', completedIndexes, completions)
    if (completedIndexes !== '' && spec.completionMode !== 'Indexed') {
      const text = 'cannot set non-empty completedIndexes when non-indexed completion mode'
      errors.push(invalid('status.completedIndexes', completedIndexes, text))
    }
  }
  if (failedIndexes === undefined) return
  if (changed('failedIndexes')) {
    if (backoffLimitPerIndex !== undefined) checkList(errors, 'failedIndexes', failedIndexes, completions)
    else {
      const text = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'
      errors.push(invalid('status.failedIndexes', failedIndexes, text))
    }
  }
  if (completions === undefined || !changed('failedIndexes', 'completedIndexes')) return
  const both = sharedIndex(completedIndexes, failedIndexes, completions)
  if (both === undefined) return
  const text = `failedIndexes and completedIndexes overlap at index: ${both}`
  errors.push(invalid('status.failedIndexes', failedIndexes, text))
}

function checkList(errors: Errors, field: string, list: string, completions: number | undefined): void {
  const count = completions === undefined ? 0 : countIndexes(list, completions)
  if (typeof count === 'string') errors.push(invalid(`status.${field}`, list, `error parsing ${field}: ${count}`))
}

/** What a job has come to stays, and what it has counted is not counted down. */
function checkTransition(errors: Errors, { job: { spec }, status, before, now, was }: Change): void {
  const terminal = [
    ['Failed', was.failed && !now.failed],
    ['Complete', was.complete && !now.complete],
    ['FailureTarget', was.failureTarget && !now.failureTarget],
  ] as const
  for (const [type, gone] of terminal) {
    if (gone) errors.push(invalidOmitted(CONDITIONS, `cannot disable the terminal ${type}=True condition`))
  }
  const failed = status.failed ?? 0
  if (failed < (before.failed ?? 0)) {
    errors.push(invalid('status.failed', failed, 'cannot decrease the failed counter'))
  }
  const succeeded = status.succeeded ?? 0
  // Indexed jobs may be made smaller, which takes successes away.
  const shrinks = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism
  if (!shrinks && succeeded < (before.succeeded ?? 0)) {
    errors.push(invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter'))
  }
  if (was.successCriteriaMet && !now.successCriteriaMet) {
    errors.push(invalidOmitted(CONDITIONS, 'cannot disable the SuccessCriteriaMet=True condition'))
  }
  if (was.complete && !was.successCriteriaMet && now.successCriteriaMet) {
    const text = 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'
    errors.push(invalidOmitted(CONDITIONS, text))
  }
}
