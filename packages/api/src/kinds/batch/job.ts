import { goQuote, humanDuration } from '@canopus/apimachinery'
import type { Job, JobSpec } from '../../generated/batch.v1.ts'
import { Jobs } from '../../resources.ts'
import { defaultPodTemplate } from '../core/pod/defaults.ts'
import { ageOf } from '../shared/age.ts'
import { ageColumn, formatLabelSelector, nameColumn, of, templateColumns, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateJobStatusUpdate } from './status-validation.ts'
import { validateJob, validateJobUpdate } from './validation.ts'
import { jobWarnings } from './warnings.ts'

const MAX_INT32 = 2 ** 31 - 1

function defaultJob(job: Job): void {
  job.spec ??= {} as JobSpec
  const { spec } = job
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  spec.manualSelector ??= false
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'
  defaultFailurePolicy(spec)
  labelAsPods(job)
  defaultPodTemplate(spec.template)
}

/** Templates of jobs get this too. */
export function defaultFailurePolicy({ podFailurePolicy }: JobSpec): void {
  for (const rule of podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True'
  }
}

/** Labels that tie pods to the job, by their present and their former names. */
const NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'] as const
const UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'] as const

/**
 * Selects the job's pods by its uid, unless the user selects them himself (pkg/registry/batch/job/strategy.go). A job whose labels are
 * its template's by default gets these too: upstream they are one map.
 */
function generateSelector(job: Job): void {
  const { spec, metadata } = job
  if (spec.manualSelector === true || spec.template === undefined) return
  spec.template.metadata ??= {}
  const isLabelledAsPods = metadata.labels !== undefined && metadata.labels === spec.template.metadata.labels
  const labels = { ...spec.template.metadata.labels }
  for (const key of NAME_LABELS) labels[key] ??= metadata.name ?? ''
  for (const key of UID_LABELS) labels[key] ??= metadata.uid
  spec.template.metadata.labels = labels
  if (isLabelledAsPods) metadata.labels = { ...labels }
  spec.selector ??= {}
  spec.selector.matchLabels = { ...spec.selector.matchLabels }
  spec.selector.matchLabels[UID_LABELS[0]] ??= metadata.uid
}

/**
 * Defaulting, which upstream does once more of what it has stored, gives a job without labels those of its template: the same object,
 * which the two share until they are stored.
 */
function labelAsPods({ metadata, spec }: Job): void {
  const labels = spec.template?.metadata?.labels
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = labels
}

function statusText(job: Job): string {
  const has = (type: string): boolean =>
    job.status?.conditions?.some(each => each.type === type && each.status === 'True') ?? false
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating'
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has) ?? 'Running'
}

function completionsText({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationText({ status }: Job, now: number): string {
  if (!status?.startTime) return ''
  if (!status.completionTime) return ageOf(status.startTime, now)
  return humanDuration(Date.parse(status.completionTime) - Date.parse(status.startTime))
}

const KEEPS_PODS =
  'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning'

export const JobKind = defineKind<Job>({
  type: Jobs,
  message: 'batch.v1.Job',
  storagePrefix: 'jobs',
  strategy: strategyOf(
    { status: () => ({}), generation: true },
    {
      warnings: jobWarnings('spec', each => each.spec),
      validate: validateJob,
      validateUpdate: validateJobUpdate,
      validateStatusUpdate: validateJobStatusUpdate,
      default: defaultJob,
      prepareForCreate: generateSelector,
      completeStored: labelAsPods,
      defaultPropagation: 'orphan',
      deleteWarning: KEEPS_PODS,
    },
  ),
  columns: [
    nameColumn,
    text('Status', 'Status of the job.', statusText),
    text('Completions', of('batch.v1.JobStatus.succeeded'), completionsText),
    text('Duration', 'Time required to complete the job.', durationText),
    ageColumn,
    ...templateColumns<Job>(
      each => each.spec.template,
      each => formatLabelSelector(each.spec.selector),
      'batch.v1.JobSpec.selector',
    ),
  ],
  unknownField: field => `field label ${goQuote(field)} not supported for Job`,
  selectableFields: { 'status.successful': each => String(each.status?.succeeded ?? 0) },
})
