import {
  type FieldError,
  invalid,
  maxLengthMessage,
  notSupported,
  required,
  validateAnnotations,
  validateLabels,
} from '@canopus/apimachinery'
import type { CronJob } from '../../generated/batch.v1.ts'
import { checkChoice, checkNonNegative, type Errors, push } from '../shared/check.ts'
import { scheduleProblem } from './schedule.ts'
import { checkJobSpec } from './validation.ts'

/** The controller appends a time of eleven characters to the names of jobs. */
const LONGEST_NAME = 52

export function validateCronJob({ metadata, spec }: CronJob): FieldError[] {
  const errors: Errors = []
  if (metadata.name && metadata.name.length > LONGEST_NAME) {
    errors.push(invalid('metadata.name', metadata.name, maxLengthMessage(LONGEST_NAME)))
  }
  checkSpec(errors, spec)
  return errors
}

/** The length of a name that exists cannot be helped any more. */
export function validateCronJobUpdate({ spec }: CronJob): FieldError[] {
  const errors: Errors = []
  checkSpec(errors, spec)
  return errors
}

function checkSpec(errors: Errors, spec: CronJob['spec']): void {
  if (!spec.schedule) errors.push(required('spec.schedule'))
  else checkSchedule(errors, spec.schedule, spec.timeZone)
  checkTimeZone(errors, spec.timeZone)
  checkNonNegative(errors, 'spec.startingDeadlineSeconds', spec.startingDeadlineSeconds)
  checkChoice(errors, 'spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace'])
  checkNonNegative(errors, 'spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit)
  checkNonNegative(errors, 'spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit)
  const template = spec.jobTemplate
  if (template?.spec === undefined) {
    errors.push(required('spec.jobTemplate'))
    return
  }
  push(errors, validateLabels(template.metadata?.labels, 'spec.jobTemplate.metadata.labels'))
  push(errors, validateAnnotations(template.metadata?.annotations, 'spec.jobTemplate.metadata.annotations'))
  checkJobSpec(errors, 'spec.jobTemplate.spec', template.spec)
  if (template.spec.manualSelector) {
    errors.push(notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']))
  }
}

function checkSchedule(errors: Errors, schedule: string, timeZone: string | undefined): void {
  if (schedule.includes('TZ')) {
    const text =
      timeZone === undefined
        ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
        : 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
    errors.push(invalid('spec.schedule', schedule, text))
    return
  }
  const problem = scheduleProblem(schedule)
  if (problem !== undefined) errors.push(invalid('spec.schedule', schedule, problem))
}

const ZONE = /^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+)*$/

function checkTimeZone(errors: Errors, zone: string | undefined): void {
  if (zone === undefined) return
  if (zone === '') errors.push(invalid('spec.timeZone', zone, 'timeZone must be nil or non-empty string'))
  else if (!ZONE.test(zone)) errors.push(invalid('spec.timeZone', zone, `unknown time zone ${zone}`))
  else if (zone.toLowerCase() === 'local') {
    errors.push(
      invalid(
        'spec.timeZone',
        zone,
        'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ),
    )
  } else if (!isKnownZone(zone)) errors.push(invalid('spec.timeZone', zone, `unknown time zone ${zone}`))
}

function isKnownZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined
  } catch {
    return false
  }
}
