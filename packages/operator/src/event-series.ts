/**
 * Events of the new kind, which say what was being done and count what repeats itself as a series. Behaviour: client-go
 * tools/events (event_broadcaster.go, event_recorder.go), but that every repetition is written, not only the first.
 */

import { EventsV1 } from '@canopus/api'
import type { Event } from '@canopus/api/events/v1'
import { formatMicroTime, hasReason, type ObjectMeta } from '@canopus/apimachinery'
import { LruCache } from '@canopus/base'
import type { EventDetails, EventRecorder, ObjectReferenceLike } from './controller.ts'
import { type EventRecorderOptions, referenceTo } from './event-recorder.ts'

const CACHE_SIZE = 4096
/** What has not happened for so long is told anew. */
const SERIES_ENDS_MS = 6 * 60_000

interface Series {
  readonly event: Event
  count: number
  lastAt: number
}

/** Makes a recorder whose events have an action; they come from `COMPONENT-HOST`. */
export function createSeriesRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, logger } = options
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
    await events.create(series === undefined ? event : { ...event, series }, { namespace })
  }

  return {
    event(about, type, reason, note, details = {}) {
      const now = clock.now()
      serial = (serial + 1) % 1_000_000
      const event = newEvent(options, { about, type, reason, note, details }, now, serial)
      const { metadata: _, eventTime: __, note: ___, ...same } = event
      const key = JSON.stringify(same)
      const before = known.get(key)
      const repeated = before !== undefined && now - before.lastAt <= SERIES_ENDS_MS
      const current = repeated ? before : { event, count: 0, lastAt: now }
      current.count++
      current.lastAt = now
      known.set(key, current)
      const series = repeated ? { count: current.count, lastObservedTime: formatMicroTime(now) } : undefined
      writing = writing
        .then(() => write(current, series))
        .catch(error => logger.debug('an event could not be written', { reason, note, error }))
    },
  }
}

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
