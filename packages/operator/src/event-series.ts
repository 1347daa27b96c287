/**
 * Events of the new kind, which say what was being done and count what repeats itself as a series. Behaviour: client-go
 * tools/events (event_broadcaster.go, event_recorder.go): written are the first repetition, what a series has come to when it
 * has ended, and what it has come to meanwhile each half an hour.
 */

import { EventsV1 } from '@canopus/api'
import type { Event } from '@canopus/api/events/v1'
import { formatMicroTime, hasReason, type ObjectMeta } from '@canopus/apimachinery'
import { LruCache, onAbort, type Timer } from '@canopus/base'
import type { EventDetails, EventRecorder, ObjectReferenceLike } from './controller.ts'
import { type EventRecorderOptions, referenceTo } from './event-recorder.ts'

const CACHE_SIZE = 4096
/** What has not happened for so long is told anew. As often it is looked for series that have ended. */
const SERIES_ENDS_MS = 6 * 60_000
/** What goes on and on is written again after so long, so that it is not forgotten. */
const REFRESH_MS = 30 * 60_000

interface Series {
  readonly event: Event
  count: number
  lastAt: number
  /** When it was written last, or is about to be. */
  writtenAt: number
}

export interface SeriesRecorderOptions extends EventRecorderOptions {
  /** When it aborts, series are not looked after any more. */
  signal?: AbortSignal
}

/** Makes a recorder whose events have an action; they come from `COMPONENT-HOST`. */
export function createSeriesRecorder(options: SeriesRecorderOptions): EventRecorder {
  const { client, clock, logger, signal } = options
  const events = client.resource(EventsV1)
  const known = new LruCache<string, Series>({ capacity: CACHE_SIZE })
  let serial = 0
  // One at a time, so that a series never overtakes the event that it belongs to.
  let writing: Promise<void> = Promise.resolve()

  const write = async ({ event }: Series, series: Event['series']): Promise<void> => {
    const { name, namespace = 'default' } = event.metadata
    if (series !== undefined) {
      try {
        await events.patch(name, 'strategic', { series }, { namespace })
        return
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
    }
    await events.createUnread(series === undefined ? event : { ...event, series }, { namespace })
  }

  const writeLater = (series: Series): void => {
    series.writtenAt = clock.now()
    counted.delete(series)
    const { count, lastAt, event } = series
    const repetitions = count === 1 ? undefined : { count, lastObservedTime: formatMicroTime(lastAt) }
    writing = writing
      .then(() => write(series, repetitions))
      .catch(error => logger.debug('an event could not be written', { reason: event.reason, note: event.note, error }))
  }
  /** Series of which not all repetitions are written. */
  const counted = new Set<Series>()
  let timer: Timer | undefined
  onAbort(signal, () => timer?.cancel())
  const lookLater = (): void => {
    if (timer !== undefined || counted.size === 0 || signal?.aborted) return
    timer = clock.setTimer(SERIES_ENDS_MS, () => {
      timer = undefined
      const now = clock.now()
      for (const series of [...counted]) {
        if (now - series.lastAt > SERIES_ENDS_MS || now - series.writtenAt >= REFRESH_MS) writeLater(series)
      }
      lookLater()
    })
  }

  return {
    event(about, type, reason, note, details = {}) {
      const now = clock.now()
      serial = (serial + 1) % 1_000_000
      const event = newEvent(options, { about, type, reason, note, details }, now, serial)
      const key = seriesKey(event)
      const before = known.get(key)
      const repeated = before !== undefined && now - before.lastAt <= SERIES_ENDS_MS
      if (before !== undefined && !repeated && counted.has(before)) writeLater(before)
      const current = repeated ? before : { event, count: 0, lastAt: now, writtenAt: now }
      current.count++
      current.lastAt = now
      known.set(key, current)
      if (current.count <= 2) writeLater(current)
      else {
        counted.add(current)
        lookLater()
      }
    },
  }
}

/** The same for events that make a series: whatever they say beside their note (getKey in event_broadcaster.go). */
function seriesKey({
  type,
  reason,
  action,
  reportingController,
  reportingInstance,
  regarding,
  related,
}: Event): string {
  const own = [type, reason, action, reportingController, reportingInstance]
  return [...own, ...referenceParts(regarding), ...(related === undefined ? [] : referenceParts(related))].join('\n')
}

const referenceParts = (of: Event['regarding']): readonly (string | undefined)[] =>
  of === undefined ? [] : [of.kind, of.namespace, of.name, of.uid, of.apiVersion, of.resourceVersion, of.fieldPath]

interface Told {
  readonly about: ObjectReferenceLike
  readonly type: string
  readonly reason: string
  readonly note: string
  readonly details: EventDetails
}

function newEvent(options: EventRecorderOptions, told: Told, now: number, serial: number): Event {
  const regarding = referenceTo(told.about)
  const { action, related, component = options.component } = told.details
  // Nanoseconds in hexadecimal make the name unique; the number keeps events of one moment apart.
  const unique = (BigInt(Math.round(now)) * 1_000_000n + BigInt(serial)).toString(16)
  const metadata: Partial<ObjectMeta> = {
    name: `${regarding.name}.${unique}`,
    namespace: regarding.namespace ?? 'default',
  }
  return {
    metadata: metadata as ObjectMeta,
    eventTime: formatMicroTime(now),
    reportingController: component,
    reportingInstance: `${component}-${options.host ?? 'localhost'}`,
    action: action ?? told.reason,
    reason: told.reason,
    regarding,
    ...(related === undefined ? {} : { related: referenceTo(related) }),
    note: told.note,
    type: told.type,
  }
}
