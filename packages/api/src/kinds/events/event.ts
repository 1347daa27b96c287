import type { KubeObject } from '@canopus/apimachinery'
import type { Event as CoreEvent } from '../../generated/core.v1.ts'
import type { Event } from '../../generated/events.v1.ts'
import { Events, EventsV1 } from '../../resources.ts'
import { EventKind, eventFields } from '../core/event.ts'
import { validateNewEvent, validateNewEventUpdate } from '../core/event-validation.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** The stored form: core/v1 with its older names (pkg/apis/events/v1/conversion.go). */
export function toCoreEvent(event: Event): CoreEvent {
  const { regarding, note, deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp, ...rest } = event
  const { deprecatedCount, reportingController, reportingInstance, ...common } = rest
  return {
    ...common,
    apiVersion: 'v1',
    involvedObject: regarding ?? {},
    ...(note !== undefined && { message: note }),
    ...(deprecatedSource !== undefined && { source: deprecatedSource }),
    ...(deprecatedFirstTimestamp !== undefined && { firstTimestamp: deprecatedFirstTimestamp }),
    ...(deprecatedLastTimestamp !== undefined && { lastTimestamp: deprecatedLastTimestamp }),
    ...(deprecatedCount !== undefined && { count: deprecatedCount }),
    reportingComponent: reportingController ?? '',
    reportingInstance: reportingInstance ?? '',
  }
}

/** The same event by the names of events.k8s.io/v1. */
export function fromCoreEvent(event: CoreEvent): Event {
  const { involvedObject, message, source, firstTimestamp, lastTimestamp, count, ...rest } = event
  const { reportingComponent, reportingInstance, eventTime, series, ...common } = rest
  return {
    ...common,
    apiVersion: 'events.k8s.io/v1',
    eventTime: eventTime as string,
    ...(series !== undefined && {
      series: { count: series.count ?? 0, lastObservedTime: series.lastObservedTime as string },
    }),
    ...(involvedObject !== undefined && { regarding: involvedObject }),
    ...(message !== undefined && { note: message }),
    ...(source !== undefined && { deprecatedSource: source }),
    ...(firstTimestamp !== undefined && { deprecatedFirstTimestamp: firstTimestamp }),
    ...(lastTimestamp !== undefined && { deprecatedLastTimestamp: lastTimestamp }),
    ...(count !== undefined && { deprecatedCount: count }),
    ...(reportingComponent && { reportingController: reportingComponent }),
    ...(reportingInstance && { reportingInstance }),
  }
}

const NEW_NAMES: Readonly<Record<string, string>> = { reportingComponent: 'reportingController' }

export const EventV1Kind = defineKind<Event>({
  type: EventsV1,
  message: 'events.v1.Event',
  storagePrefix: 'events',
  findingsGroup: '',
  ttlSeconds: 3600,
  strategy: strategyOf(
    {},
    {
      allowCreateOnUpdate: true,
      defaultPropagation: 'unsupported',
      validate: event => validateNewEvent(toCoreEvent(event)),
      validateUpdate: (event, old) => validateNewEventUpdate(toCoreEvent(event), toCoreEvent(old)),
    },
  ),
  columns: EventKind.columns.map(column => ({
    ...column,
    value: (event: Event, now: number) => column.value(toCoreEvent(event), now),
  })),
  selectableFields: Object.fromEntries(
    Object.entries(eventFields)
      .filter(([name]) => name !== 'source')
      .map(([name, read]) => [
        NEW_NAMES[name] ?? name.replace('involvedObject.', 'regarding.'),
        (event: Event) => read(toCoreEvent(event)),
      ]),
  ),
  storedAs: {
    type: Events,
    toStored: toCoreEvent,
    fromStored: (object: KubeObject) => fromCoreEvent(object as CoreEvent),
  },
})
