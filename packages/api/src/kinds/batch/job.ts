import { humanDuration } from '@canopus/apimachinery'
import type { Job } from '../../generated/batch.v1.ts'
import { Jobs } from '../../resources.ts'
import { ageOf } from '../shared/age.ts'
import { ageColumn, formatLabelSelector, nameColumn, templateColumns, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

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

export const JobKind = defineKind<Job>({
  type: Jobs,
  message: 'batch.v1.Job',
  storagePrefix: 'jobs',
  strategy: strategyOf({ status: () => ({}), generation: true }),
  columns: [
    nameColumn,
    text('Status', 'How far it is.', statusText),
    text('Completions', 'Pods that succeeded, of those that must.', completionsText),
    text('Duration', 'How long it ran.', durationText),
    ageColumn,
    ...templateColumns<Job>(
      each => each.spec.template,
      each => formatLabelSelector(each.spec.selector),
    ),
  ],
  selectableFields: { 'status.successful': each => String(each.status?.succeeded ?? 0) },
})
