/** Events in both groups (pkg/apis/core/validation/events.go). */
import { checkDns1123Subdomain, checkQualifiedName, type FieldError, invalid, required } from '@canopus/apimachinery'
import type { Event } from '../../generated/core.v1.ts'
import { checkImmutable, checkText, type Errors } from '../shared/check.ts'

const SHORT = 128
const LONG = 1024

/** Events of core/v1: only their place is checked, as it always was. */
export function validateCoreEvent(event: Event): FieldError[] {
  const errors: Errors = []
  checkNamespace(errors, event)
  return errors
}

function checkNamespace(errors: Errors, { metadata, involvedObject }: Event): void {
  const namespace = metadata.namespace ?? ''
  const of = involvedObject?.namespace ?? ''
  const wrong = of === '' ? namespace !== '' && namespace !== 'default' : namespace !== of
  if (wrong) errors.push(invalid('involvedObject.namespace', of, 'does not match event.namespace'))
  if (namespace !== '' && checkDns1123Subdomain(namespace).length > 0) errors.push(invalid('namespace', namespace, ''))
}

/** Events of events.k8s.io/v1, in their stored form; findings carry the older names, as upstream's do. */
export function validateNewEvent(event: Event): FieldError[] {
  const errors: Errors = []
  checkNamespace(errors, event)
  if (!event.eventTime) errors.push(required('eventTime'))
  const limited = (field: string, value: string | undefined, most: number): void => {
    if ((value ?? '').length > most) errors.push(invalid(field, '', `can have at most ${most} characters`))
  }
  if (!event.reportingComponent) errors.push(required('reportingController'))
  else checkText(errors, 'reportingController', event.reportingComponent, checkQualifiedName)
  if (!event.reportingInstance) errors.push(required('reportingInstance'))
  limited('reportingInstance', event.reportingInstance, SHORT)
  if (!event.action) errors.push(required('action'))
  limited('action', event.action, SHORT)
  if (!event.reason) errors.push(required('reason'))
  limited('reason', event.reason, SHORT)
  limited('message', event.message, LONG)
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

const FIXED = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const

/** Only the series of such an event goes on. */
export function validateNewEventUpdate(event: Event, old: Event): FieldError[] {
  const errors: Errors = []
  for (const field of FIXED) checkImmutable(errors, field, event[field], old[field])
  return errors
}
