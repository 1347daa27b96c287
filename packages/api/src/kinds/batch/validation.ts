/** Jobs (pkg/apis/batch/validation/validation.go). */
import {
  type FieldError,
  invalid,
  isConditionTrue,
  notSupported,
  required,
  semanticEqual,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type { Job, JobSpec } from '../../generated/batch.v1.ts'
import type { PodTemplateSpec } from '../../generated/core.v1.ts'
import { checkMatch } from '../apps/template-validation.ts'
import { checkPodTemplate } from '../core/pod/validate-spec.ts'
import { checkImmutable, checkNonNegative, checkOptionalChoice, type Errors, push } from '../shared/check.ts'
import { checkPodFailurePolicy, checkSuccessPolicy } from './policy-validation.ts'

const MOST_PARALLEL_INDEXED = 100_000
const UID_LABEL = 'batch.kubernetes.io/controller-uid'

export function validateJob(job: Job): FieldError[] {
  const errors: Errors = []
  checkGeneratedSelector(errors, job)
  checkJobSpec(errors, 'spec', job.spec)
  const { selector, template } = job.spec
  if (selector === undefined) errors.push(required('spec.selector'))
  else push(errors, validateLabelSelector(selector, 'spec.selector'))
  if (template !== undefined) checkMatch(errors, selector, template)
  return errors
}

/** Where the server made the selector it selects by the job's uid, and the template has that label. */
function checkGeneratedSelector(errors: Errors, { metadata, spec }: Job): void {
  if (spec.manualSelector || spec.selector === undefined) return
  if (!metadata.uid) {
    errors.push(required('metadata.uid'))
    return
  }
  const labels = spec.template?.metadata?.labels ?? {}
  const expected: [string, string][] = [
    [UID_LABEL, metadata.uid],
    ['controller-uid', metadata.uid],
    ['batch.kubernetes.io/job-name', metadata.name],
    ['job-name', metadata.name],
  ]
  for (const [key, value] of expected) {
    const field = `spec.template.metadata.labels[${key}]`
    const found = labels[key]
    if (found === undefined) errors.push(required(field, `must be '${value}'`))
    else if (found !== value) errors.push(invalid(field, labels, `must be '${value}'`))
  }
  const selected = spec.selector.matchLabels ?? {}
  const known = new Map(expected)
  const auto = Object.entries(selected).every(([key, value]) => known.get(key) === value)
  if (!auto || (spec.selector.matchExpressions ?? []).length > 0) {
    errors.push(invalid('spec.selector', spec.selector, '`selector` not auto-generated'))
  }
}

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const

/** A job's spec, also that of a CronJob's template. */
export function checkJobSpec(errors: Errors, path: string, spec: JobSpec): void {
  for (const field of COUNTS) checkNonNegative(errors, `${path}.${field}`, spec[field])
  checkOptionalChoice(errors, `${path}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed'])
  if (spec.completionMode === 'Indexed') checkIndexed(errors, path, spec)
  else checkNotIndexed(errors, path, spec)
  if (spec.podFailurePolicy) checkPodFailurePolicy(errors, `${path}.podFailurePolicy`, spec)
  if (spec.successPolicy) checkSuccessPolicy(errors, `${path}.successPolicy`, spec)
  const replacement = spec.podReplacementPolicy
  if (spec.podFailurePolicy && replacement !== undefined) {
    checkOptionalChoice(errors, `${path}.podReplacementPolicy`, replacement, ['Failed'])
  } else checkOptionalChoice(errors, `${path}.podReplacementPolicy`, replacement, ['Failed', 'TerminatingOrFailed'])
  if (spec.managedBy !== undefined && spec.managedBy.length > 63) {
    const body = 'Too long: may not be more than 63 bytes'
    errors.push({ type: 'FieldValueTooLong', field: `${path}.managedBy`, body })
  }
  if (spec.template === undefined) {
    errors.push(required(`${path}.template`))
    return
  }
  checkPodTemplate(errors, `${path}.template`, spec.template)
  checkRestartPolicy(errors, path, spec)
}

/** Pods of jobs end: `Always`, which is also the default of templates, makes no sense. */
function checkRestartPolicy(errors: Errors, path: string, { template, podFailurePolicy }: JobSpec): void {
  const field = `${path}.template.spec.restartPolicy`
  const policy = template.spec.restartPolicy
  if (policy === undefined || policy === '' || policy === 'Always') {
    errors.push(required(field, 'valid values: "OnFailure", "Never"'))
  } else if (policy !== 'OnFailure' && policy !== 'Never') {
    errors.push(notSupported(field, policy, ['OnFailure', 'Never']))
  } else if (podFailurePolicy && policy !== 'Never') {
    errors.push(invalid(field, policy, 'only "Never" is supported when podFailurePolicy is specified'))
  }
}

function checkIndexed(errors: Errors, path: string, spec: JobSpec): void {
  if (spec.completions === undefined) {
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'))
  }
  if (spec.parallelism !== undefined && spec.parallelism > MOST_PARALLEL_INDEXED) {
    const text = `must be less than or equal to ${MOST_PARALLEL_INDEXED} when completion mode is Indexed`
    errors.push(invalid(`${path}.parallelism`, spec.parallelism, text))
  }
  const { completions, maxFailedIndexes } = spec
  if (maxFailedIndexes === undefined) return
  if (spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'))
  }
  if (completions !== undefined && maxFailedIndexes > completions) {
    errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'))
  }
  if (maxFailedIndexes > MOST_PARALLEL_INDEXED) {
    const text = `must be less than or equal to ${MOST_PARALLEL_INDEXED}`
    errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, text))
  }
}

function checkNotIndexed(errors: Errors, path: string, spec: JobSpec): void {
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[field] === undefined) continue
    errors.push(invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode'))
  }
}

/** Fields that say which pods there are and when they count; those stay. */
export function validateJobUpdate(job: Job, old: Job): FieldError[] {
  const errors = validateJob(job)
  const { spec } = job
  const before = old.spec
  checkCompletions(errors, spec, before)
  checkImmutable(errors, 'spec.selector', spec.selector, before.selector)
  const suspended = before.suspend === true && old.status?.startTime === undefined && spec.template !== undefined
  checkImmutable(errors, 'spec.template', suspended ? withOldPlacement(spec, before) : spec.template, before.template)
  checkImmutable(errors, 'spec.completionMode', spec.completionMode, before.completionMode)
  checkImmutable(errors, 'spec.podFailurePolicy', spec.podFailurePolicy, before.podFailurePolicy)
  checkImmutable(errors, 'spec.backoffLimitPerIndex', spec.backoffLimitPerIndex, before.backoffLimitPerIndex)
  checkImmutable(errors, 'spec.managedBy', spec.managedBy, before.managedBy)
  checkImmutable(errors, 'spec.successPolicy', spec.successPolicy, before.successPolicy)
  return errors
}

/** Indexed jobs may grow and shrink as long as completions and parallelism move together (KEP-3715). */
function checkCompletions(errors: Errors, spec: JobSpec, before: JobSpec): void {
  if (spec.completions === before.completions) return
  const field = 'spec.completions'
  if (spec.completionMode !== 'Indexed') checkImmutable(errors, field, spec.completions, before.completions)
  else if (spec.completions === undefined || spec.completions !== spec.parallelism) {
    errors.push(invalid(field, spec.completions, 'can only be modified in tandem with parallelism'))
  }
}

/** Until it starts, where a suspended job's pods run may still change (KEP-2926). */
function withOldPlacement(spec: JobSpec, before: JobSpec): PodTemplateSpec {
  const { affinity, nodeSelector, tolerations, schedulingGates } = before.template.spec
  const template = spec.template.spec
  const placed = { ...template, affinity: { ...template.affinity, nodeAffinity: affinity?.nodeAffinity } }
  return {
    ...spec.template,
    metadata: before.template.metadata ?? {},
    spec: { ...placed, nodeSelector, tolerations, schedulingGates } as PodTemplateSpec['spec'],
  }
}

const STATUS_COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const

export function validateJobStatusUpdate({ status }: Job, old: Job): FieldError[] {
  const errors: Errors = []
  for (const field of STATUS_COUNTS) checkNonNegative(errors, `status.${field}`, status?.[field])
  for (const type of ['Complete', 'Failed'] as const) {
    const was = isConditionTrue(old.status?.conditions, type)
    if (was && !isConditionTrue(status?.conditions, type)) {
      errors.push(
        invalid('status.conditions', status?.conditions, `cannot disable the terminal ${type}=True condition`),
      )
    }
  }
  const complete = isConditionTrue(status?.conditions, 'Complete')
  if (complete && isConditionTrue(status?.conditions, 'Failed')) {
    errors.push(invalid('status.conditions', status?.conditions, 'cannot set Complete=True and Failed=true conditions'))
  }
  if (status?.completionTime !== undefined && !complete && old.status?.completionTime === undefined) {
    const text = 'cannot set completionTime when there is no Complete=True condition'
    errors.push(invalid('status.completionTime', status.completionTime, text))
  }
  if (old.status?.completionTime && !semanticEqual(status?.completionTime, old.status.completionTime)) {
    errors.push(invalid('status.completionTime', status?.completionTime, 'field is immutable'))
  }
  return errors
}
