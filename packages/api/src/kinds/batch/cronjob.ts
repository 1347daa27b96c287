import type { CronJob, CronJobSpec } from '../../generated/batch.v1.ts'
import { CronJobs } from '../../resources.ts'
import { defaultPodTemplate } from '../core/pod/defaults.ts'
import { ageOf } from '../shared/age.ts'
import {
  ageColumn,
  column,
  formatLabelSelector,
  integer,
  nameColumn,
  of,
  templateColumns,
  text,
} from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateCronJob, validateCronJobUpdate } from './cronjob-validation.ts'
import { defaultFailurePolicy } from './job.ts'
import { cronJobWarnings } from './warnings.ts'

function defaultCronJob(object: CronJob): void {
  object.spec ??= {} as CronJobSpec
  const { spec } = object
  spec.concurrencyPolicy ||= 'Allow'
  spec.suspend ??= false
  spec.successfulJobsHistoryLimit ??= 3
  spec.failedJobsHistoryLimit ??= 1
  if (spec.jobTemplate === undefined) return
  spec.jobTemplate.metadata ??= {}
  if (spec.jobTemplate.spec) defaultFailurePolicy(spec.jobTemplate.spec)
  defaultPodTemplate(spec.jobTemplate.spec?.template)
}

const flagText = (flag: boolean | undefined): string => (flag === undefined ? '<unset>' : flag ? 'True' : 'False')

export const CronJobKind = defineKind<CronJob>({
  type: CronJobs,
  message: 'batch.v1.CronJob',
  storagePrefix: 'cronjobs',
  strategy: strategyOf(
    { status: () => ({}), generation: true },
    {
      warnings: cronJobWarnings,
      default: defaultCronJob,
      validate: validateCronJob,
      validateUpdate: validateCronJobUpdate,
    },
  ),
  columns: [
    nameColumn,
    text('Schedule', of('batch.v1.CronJobSpec.schedule'), each => each.spec.schedule),
    text('Timezone', of('batch.v1.CronJobSpec.timeZone'), each => each.spec.timeZone ?? '<none>'),
    column('Suspend', 'boolean', of('batch.v1.CronJobSpec.suspend'), each => flagText(each.spec.suspend)),
    integer('Active', of('batch.v1.CronJobStatus.active'), each => each.status?.active?.length ?? 0),
    text('Last Schedule', of('batch.v1.CronJobStatus.lastScheduleTime'), (each, now) =>
      each.status?.lastScheduleTime ? ageOf(each.status.lastScheduleTime, now) : '<none>',
    ),
    ageColumn,
    ...templateColumns<CronJob>(
      each => each.spec.jobTemplate?.spec?.template,
      each => formatLabelSelector(each.spec.jobTemplate?.spec?.selector),
      'batch.v1.JobSpec.selector',
    ),
  ],
})
