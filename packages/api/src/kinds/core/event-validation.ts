/** Events in both groups (pkg/apis/core/validation/events.go). */
import {
  byteLength,
  checkDns1123Subdomain,
  checkQualifiedName,
  type FieldError,
  IMMUTABLE_MESSAGE,
  invalid,
  required,
} from '@canopus/apimachinery'
import type { Event } from '../../generated/core.v1.ts'
import { goField } from '../../go-json.ts'
import { checkText, type Errors } from '../shared/check.ts'
import { sameIn } from '../shared/equality.ts'

const SHORT = 128
const LONG = 1024

/** Events of core/v1: of those without a time of their own only the place is checked, as it always was. */
export function validateCoreEvent(event: Event): FieldError[] {
  const errors: Errors = []
  checkLegacy(errors, event, 'reportingComponent')
  return errors
}

function checkLegacy(errors: Errors, event: Event, reporter: string): void {
  if (event.eventTime) checkNew(errors, event, reporter)
  else checkNamespace(errors, event)
  const namespace = event.metadata.namespace ?? ''
  checkText(errors, 'namespace', namespace, checkDns1123Subdomain)
}

const HOMES = ['default', 'kube-system']

function checkNew(errors: Errors, event: Event, reporter: string): void {
  const of = event.involvedObject?.namespace ?? ''
  if (of === '' && !HOMES.includes(event.metadata.namespace ?? '')) {
    errors.push(invalid('involvedObject.namespace', of, 'does not match event.namespace'))
  }
  const limited = (field: string, value: string | undefined, most: number): void => {
    if (byteLength(value ?? '') > most) errors.push(invalid(field, '', `can have at most ${most} characters`))
  }
  if (!event.reportingComponent) errors.push(required(reporter))
  checkText(errors, reporter, event.reportingComponent ?? '', checkQualifiedName)
  if (!event.reportingInstance) errors.push(required('reportingInstance'))
  limited('reportingInstance', event.reportingInstance, SHORT)
  if (!event.action) errors.push(required('action'))
  limited('action', event.action, SHORT)
  if (!event.reason) errors.push(required('reason'))
  limited('reason', event.reason, SHORT)
  limited('message', event.message, LONG)
}

function checkNamespace(errors: Errors, { metadata, involvedObject }: Event): void {
  const namespace = metadata.namespace ?? ''
  const of = involvedObject?.namespace ?? ''
  const wrong = of === '' ? namespace !== '' && namespace !== 'default' : namespace !== of
  if (wrong) errors.push(invalid('involvedObject.namespace', of, 'does not match event.namespace'))
}

/** Events of events.k8s.io/v1, in their stored form; findings carry the older names, as upstream's do. */
export function validateNewEvent(event: Event): FieldError[] {
  const errors: Errors = []
  checkLegacy(errors, event, 'reportingController')
  if (!event.eventTime) errors.push(required('eventTime'))
  checkSeries(errors, event)
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.push(invalid('type', '', 'has invalid value: '.concat(event.type ?? '')))
  }
  for (const field of ['firstTimestamp', 'lastTimestamp'] as const) {
    if (event[field]) errors.push(invalid(field, '', 'needs to be unset'))
  }
  if (event.count) errors.push(invalid('count', '', 'needs to be unset'))
  if (event.source?.component || event.source?.host) errors.push(invalid('source', '', 'needs to be unset'))
  return errors
}

function checkSeries(errors: Errors, { series }: Event): void {
  if (series === undefined) return
  if ((series.count ?? 0) < 2) errors.push(invalid('series.count', '', 'should be at least 2'))
  if (!series.lastObservedTime) errors.push(required('series.lastObservedTime'))
}

const EVENT = 'core.v1.Event'
const FIXED = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'reason',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const
const NAMES: Partial<Record<(typeof FIXED)[number], string>> = { reportingComponent: 'reportingController' }

/** Only the series of such an event goes on. */
export function validateNewEventUpdate(event: Event, old: Event): FieldError[] {
  const errors: Errors = []
  checkLegacy(errors, event, 'reportingController')
  if (!sameIn(EVENT, 'series', event, old)) checkSeries(errors, event)
  for (const field of FIXED) {
    if (sameIn(EVENT, field, event, old)) continue
    errors.push(invalid(NAMES[field] ?? field, goField(EVENT, event, field), IMMUTABLE_MESSAGE))
  }
  return errors
}
