import { type FieldError, invalid, maxLengthMessage, notSupported, required } from '@canopus/apimachinery'
import type { CronJob, CronJobSpec } from '../../generated/batch.v1.ts'
import { checkChoice, checkNonNegative, type Errors } from '../shared/check.ts'
import { shownSelector } from '../shared/shown.ts'
import { scheduleProblem } from './schedule.ts'
import { checkJobSpec } from './validation.ts'

/** The controller appends a time of eleven characters to the names of jobs. */
const LONGEST_NAME = 52

export function validateCronJob({ metadata, spec }: CronJob): FieldError[] {
  const errors: Errors = []
  checkSpec(errors, spec, undefined)
  if (metadata.name && metadata.name.length > LONGEST_NAME) {
    errors.push(invalid('metadata.name', metadata.name, maxLengthMessage(LONGEST_NAME)))
  }
  return errors
}

/** The length of a name that exists cannot be helped any more. */
export function validateCronJobUpdate({ spec }: CronJob, old: CronJob): FieldError[] {
  const errors: Errors = []
  checkSpec(errors, spec, old.spec)
  return errors
}

function checkSpec(errors: Errors, spec: CronJobSpec, old: CronJobSpec | undefined): void {
  if (!spec.schedule) errors.push(required('spec.schedule'))
  else checkSchedule(errors, spec, old?.schedule?.includes('TZ') === true)
  checkNonNegative(errors, 'spec.startingDeadlineSeconds', spec.startingDeadlineSeconds)
  if (old === undefined || old.timeZone !== spec.timeZone) checkTimeZone(errors, spec.timeZone)
  checkChoice(errors, 'spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace'])
  checkJobTemplate(errors, spec.jobTemplate)
  checkNonNegative(errors, 'spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit)
  checkNonNegative(errors, 'spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit)
}

function checkJobTemplate(errors: Errors, template: CronJobSpec['jobTemplate'] | undefined): void {
  if (template?.spec === undefined) {
    errors.push(required('spec.jobTemplate'))
    return
  }
  checkJobSpec(errors, 'spec.jobTemplate.spec', template.spec)
  const { selector } = template.spec
  if (selector !== undefined) {
    errors.push(invalid('spec.jobTemplate.spec.selector', shownSelector(selector), '`selector` will be auto-generated'))
  }
  if (template.spec.manualSelector) {
    errors.push(notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']))
  }
}

/** A zone in front of a schedule is tolerated where it was there before. */
function checkSchedule(errors: Errors, { schedule, timeZone }: CronJobSpec, hadZone: boolean): void {
  const problem = scheduleProblem(schedule.replace(/^(?:CRON_)?TZ=\S+\s+/, ''))
  if (problem !== undefined) errors.push(invalid('spec.schedule', schedule, problem))
  if (!schedule.includes('TZ')) return
  if (!hadZone) {
    const text = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
    errors.push(invalid('spec.schedule', schedule, text))
  } else if (timeZone !== undefined) {
    const text = 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
    errors.push(invalid('spec.schedule', schedule, text))
  }
}

const ZONE = /^(?!-)[A-Za-z0-9._+-]{1,14}(?:\/(?!-)[A-Za-z0-9._+-]{1,14})*$/

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
