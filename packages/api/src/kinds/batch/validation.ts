/** Jobs (pkg/apis/batch/validation/validation.go). */
import {
  byteLength,
  checkDns1123Label,
  checkDns1123Subdomain,
  type FieldError,
  invalid,
  isConditionTrue,
  isFeatureOn,
  labelSelector,
  matches,
  notSupported,
  patternMessage,
  required,
  tooLong,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type { Job, JobSpec } from '../../generated/batch.v1.ts'
import type { Container, PodTemplateSpec } from '../../generated/core.v1.ts'
import { checkMatch, isReadable } from '../apps/template-validation.ts'
import { checkPodTemplate } from '../core/pod/validate-spec.ts'
import { checkImmutable, checkNonNegative, checkOptionalChoice, checkText, type Errors, push } from '../shared/check.ts'
import { byKey, shownSelector } from '../shared/shown.ts'
import { checkPodFailurePolicy, checkSuccessPolicy } from './policy-validation.ts'

const MOST_PARALLEL_INDEXED = 100_000
/** Above so many completions with limits per index, not every failed index may be remembered. */
const MANY_COMPLETIONS = 100_000
const MOST_WITH_MANY = 10_000
const UID_LABEL = 'batch.kubernetes.io/controller-uid'

export function validateJob(job: Job): FieldError[] {
  const errors: Errors = []
  checkGeneratedSelector(errors, job)
  checkSelectingSpec(errors, job.spec)
  checkHostnames(errors, job)
  return errors
}

function checkSelectingSpec(errors: Errors, spec: JobSpec): void {
  checkJobSpec(errors, 'spec', spec)
  const { selector, template } = spec
  if (selector === undefined) errors.push(required('spec.selector'))
  else push(errors, validateLabelSelector(selector, 'spec.selector'))
  if (template !== undefined) checkMatch(errors, selector, template)
}

/** Pods of an indexed job are called after the job and their index, which must be a host name. */
function checkHostnames(errors: Errors, { metadata: { name }, spec }: Job): void {
  if (spec.completionMode !== 'Indexed' || !(spec.completions! > 0)) return
  const longest = `${name}-${spec.completions! - 1}`
  if (checkDns1123Label(longest).length === 0) return
  errors.push(invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${longest}`))
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
    ['controller-uid', metadata.uid],
    ['job-name', metadata.name ?? ''],
    [UID_LABEL, metadata.uid],
    ['batch.kubernetes.io/job-name', metadata.name ?? ''],
  ]
  for (const [key, value] of expected) {
    const field = `spec.template.metadata.labels[${key}]`
    const found = labels[key]
    if (found === undefined) errors.push(required(field, `must be '${value}'`))
    else if (found !== value) errors.push(invalid(field, byKey(labels), `must be '${value}'`))
  }
  if (!isReadable(spec.selector) || matches(labelSelector(spec.selector), Object.fromEntries(expected))) return
  errors.push(invalid('spec.selector', shownSelector(spec.selector), '`selector` not auto-generated'))
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
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'))
  }
  if (spec.managedBy !== undefined) checkManagedBy(errors, `${path}.managedBy`, spec.managedBy)
  checkOptionalChoice(errors, `${path}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed'])
  if (spec.completionMode === 'Indexed') checkIndexed(errors, path, spec)
  else if (spec.completionMode === undefined || spec.completionMode === 'NonIndexed')
    checkNotIndexed(errors, path, spec)
  if (spec.podFailurePolicy) checkPodFailurePolicy(errors, `${path}.podFailurePolicy`, spec)
  if (spec.successPolicy) checkSuccessPolicy(errors, `${path}.successPolicy`, spec)
  const replacement = spec.podReplacementPolicy
  if (spec.podFailurePolicy && replacement !== undefined) {
    checkOptionalChoice(errors, `${path}.podReplacementPolicy`, replacement, ['Failed'])
  } else checkOptionalChoice(errors, `${path}.podReplacementPolicy`, replacement, ['Failed', 'TerminatingOrFailed'])
  if (spec.template === undefined) {
    errors.push(required(`${path}.template`))
    return
  }
  checkPodTemplate(errors, `${path}.template`, spec.template)
  checkRestartPolicy(errors, path, spec)
}

const PATH_CHARACTERS = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const PATH = new RegExp(`^${PATH_CHARACTERS}$`)
const MOST_MANAGER = 63

/** Who looks after the job in our place: a path in a domain (k8s.io/apimachinery: IsDomainPrefixedPath). */
function checkManagedBy(errors: Errors, field: string, name: string): void {
  const slash = name.indexOf('/')
  const host = name.slice(0, slash)
  const path = name.slice(slash + 1)
  if (name === '') errors.push(required(field))
  else if (slash <= 0 || path === '') {
    errors.push(invalid(field, name, 'must be a domain-prefixed path (such as "acme.io/foo")'))
  } else {
    checkText(errors, field, host, checkDns1123Subdomain)
    if (!PATH.test(path)) {
      errors.push(invalid(field, path, patternMessage('Invalid path', PATH_CHARACTERS)))
    }
  }
  if (byteLength(name) > MOST_MANAGER) errors.push(tooLong(field, MOST_MANAGER))
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
  checkManyCompletions(errors, path, spec)
  if (maxFailedIndexes === undefined) return
  if (completions !== undefined && maxFailedIndexes > completions) {
    errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'))
  }
  if (maxFailedIndexes > MOST_PARALLEL_INDEXED) {
    const text = `must be less than or equal to ${MOST_PARALLEL_INDEXED}`
    errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, text))
  }
}

function checkManyCompletions(errors: Errors, path: string, spec: JobSpec): void {
  const { completions = 0, backoffLimitPerIndex, maxFailedIndexes } = spec
  if (completions <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return
  if (maxFailedIndexes === undefined) {
    errors.push(required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${MANY_COMPLETIONS}`))
  }
  for (const field of ['parallelism', 'maxFailedIndexes'] as const) {
    const value = spec[field]
    if (value === undefined || value <= MOST_WITH_MANY) continue
    const when = `when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`
    errors.push(invalid(`${path}.${field}`, value, `must be less than or equal to ${MOST_WITH_MANY} ${when}`))
  }
}

function checkNotIndexed(errors: Errors, path: string, spec: JobSpec): void {
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[field] === undefined) continue
    errors.push(invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode'))
  }
}

/** Fields that say which pods there are and when they count; those stay. The spec is looked at twice. */
export function validateJobUpdate(job: Job, old: Job): FieldError[] {
  const errors = validateJob(job)
  const { spec } = job
  const before = old.spec
  if (errors.length > 0) checkSelectingSpec(errors, spec)
  checkCompletions(errors, spec, before)
  checkImmutable(errors, 'spec.selector', spec.selector, before.selector, 'am.apis.meta.v1.LabelSelector')
  checkTemplate(errors, job, old)
  checkImmutable(errors, 'spec.completionMode', spec.completionMode, before.completionMode)
  const failure = 'batch.v1.PodFailurePolicy'
  checkImmutable(errors, 'spec.podFailurePolicy', spec.podFailurePolicy, before.podFailurePolicy, failure)
  checkImmutable(errors, 'spec.backoffLimitPerIndex', spec.backoffLimitPerIndex, before.backoffLimitPerIndex)
  checkImmutable(errors, 'spec.managedBy', spec.managedBy, before.managedBy)
  checkImmutable(errors, 'spec.successPolicy', spec.successPolicy, before.successPolicy, 'batch.v1.SuccessPolicy')
  return errors
}

/** Indexed jobs may grow and shrink as long as completions and parallelism move together (KEP-3715). */
function checkCompletions(errors: Errors, spec: JobSpec, before: JobSpec): void {
  if (spec.completions === before.completions) return
  const field = 'spec.completions'
  if (spec.completionMode !== 'Indexed') checkImmutable(errors, field, spec.completions, before.completions)
  else if (spec.completions !== undefined && spec.completions !== spec.parallelism) {
    errors.push(invalid(field, spec.completions, 'can only be modified in tandem with spec.parallelism'))
  }
}

/**
 * While a job is suspended and has no pods, where they run and what they may use can still change
 * (KEP-2926, KEP-5440; pkg/registry/batch/job/strategy.go: validationOptionsForJob).
 */
function checkTemplate(errors: Errors, { spec }: Job, { spec: before, status }: Job): void {
  const field = 'spec.template'
  if (spec.template === undefined || before.suspend !== true) {
    checkImmutable(errors, field, spec.template, before.template, TEMPLATE)
    return
  }
  const idle = isConditionTrue(status?.conditions, 'Suspended') && (status?.active ?? 0) === 0
  const isPlaced = isFeatureOn('MutableSchedulingDirectivesForSuspendedJobs')
    ? idle || status?.startTime === undefined
    : status?.startTime === undefined
  const expected = isPlaced ? withNewPlacement(before, spec) : before.template
  if (!idle || !isFeatureOn('MutablePodResourcesForSuspendedJobs'))
    checkImmutable(errors, field, spec.template, expected, TEMPLATE)
  else {
    const compared = { ...expected.spec }
    for (const list of ['containers', 'initContainers'] as const) {
      const containers = withNewResources(expected.spec[list], spec.template.spec[list])
      if (containers !== undefined) compared[list] = containers
    }
    checkImmutable(errors, `${field}.spec`, spec.template.spec, compared, 'core.v1.PodSpec')
  }
}

const TEMPLATE = 'core.v1.PodTemplateSpec'

function withNewPlacement(before: JobSpec, { template }: JobSpec): PodTemplateSpec {
  const { affinity, nodeSelector, tolerations, schedulingGates } = template.spec
  const { affinity: oldAffinity, ...rest } = before.template.spec
  const others = { ...oldAffinity, nodeAffinity: affinity?.nodeAffinity }
  const hasAffinity = Object.values(others).some(each => each !== undefined) || affinity !== undefined
  const placed = { ...rest, ...(hasAffinity && { affinity: others }), nodeSelector, tolerations, schedulingGates }
  const { labels, annotations } = template.metadata ?? {}
  const metadata = { ...before.template.metadata, labels, annotations }
  return { ...before.template, metadata, spec: placed } as PodTemplateSpec
}

function withNewResources(old: readonly Container[] | undefined, now: readonly Container[] | undefined) {
  if (old === undefined || now === undefined || old.length !== now.length) return old as Container[] | undefined
  return old.map((container, index) => {
    const { name, resources } = now[index]!
    return name === container.name ? ({ ...container, resources } as Container) : container
  })
}
