import { checkPathSegmentName } from '@canopus/apimachinery'
import type { Event } from '../../generated/core.v1.ts'
import { Events } from '../../resources.ts'
import { ageOf } from '../shared/age.ts'
import { integer, nameColumn, of, text, wide } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateCoreEvent } from './event-validation.ts'

const firstSeen = (event: Event, now: number): string => ageOf(event.firstTimestamp || event.eventTime, now)

function lastSeen(event: Event, now: number): string {
  if (event.series) return ageOf(event.series.lastObservedTime, now)
  return event.lastTimestamp ? ageOf(event.lastTimestamp, now) : firstSeen(event, now)
}

function objectText({ involvedObject: { kind = '', name } }: Event): string {
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase()
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || ''
  const host = source?.host || reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}

/** What field selectors of events read, by core/v1's names. */
export const eventFields = {
  'involvedObject.kind': (event: Event): string => event.involvedObject.kind ?? '',
  'involvedObject.namespace': (event: Event): string => event.involvedObject.namespace ?? '',
  'involvedObject.name': (event: Event): string => event.involvedObject.name ?? '',
  'involvedObject.uid': (event: Event): string => event.involvedObject.uid ?? '',
  'involvedObject.apiVersion': (event: Event): string => event.involvedObject.apiVersion ?? '',
  'involvedObject.resourceVersion': (event: Event): string => event.involvedObject.resourceVersion ?? '',
  'involvedObject.fieldPath': (event: Event): string => event.involvedObject.fieldPath ?? '',
  reason: (event: Event): string => event.reason ?? '',
  reportingComponent: (event: Event): string => event.reportingComponent ?? '',
  source: (event: Event): string => event.source?.component || event.reportingComponent || '',
  type: (event: Event): string => event.type ?? '',
}

export const EventKind = defineKind<Event>({
  type: Events,
  message: 'core.v1.Event',
  storagePrefix: 'events',
  ttlSeconds: 3600,
  strategy: strategyOf(
    {},
    {
      default(event) {
        event.involvedObject ??= {}
      },
      validate: validateCoreEvent,
      validateUpdate: validateCoreEvent,
      validateName: checkPathSegmentName,
      allowCreateOnUpdate: true,
      defaultPropagation: 'unsupported',
    },
  ),
  columns: [
    text('Last Seen', of('core.v1.Event.lastTimestamp'), lastSeen),
    text('Type', of('core.v1.Event.type'), event => event.type ?? ''),
    text('Reason', of('core.v1.Event.reason'), event => event.reason ?? ''),
    text('Object', of('core.v1.Event.involvedObject'), objectText),
    wide('Subobject', of('core.v1.ObjectReference.fieldPath'), event => event.involvedObject.fieldPath ?? ''),
    wide('Source', of('core.v1.Event.source'), sourceText),
    text('Message', of('core.v1.Event.message'), event => (event.message ?? '').trim()),
    wide('First Seen', of('core.v1.Event.firstTimestamp'), firstSeen),
    {
      ...integer('Count', of('core.v1.Event.count'), ({ series, count }) =>
        series === undefined ? count || 1 : (series.count ?? 0),
      ),
      priority: 1,
      type: 'string',
    },
    { ...nameColumn, priority: 1 },
  ],
  selectableFields: eventFields,
})
