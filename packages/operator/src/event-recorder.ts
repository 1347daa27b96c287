/**
 * Events about objects, written in the background: repeated ones are counted on the first, floods of similar ones are
 * combined, and what is still too much is dropped. Behaviour: client-go tools/record (event.go, events_cache.go).
 */

import { Events } from '@canopus/api'
import type { Event, ObjectReference } from '@canopus/api/core/v1'
import { formatTime, hasReason, type ObjectMeta } from '@canopus/apimachinery'
import { type Clock, type Logger, LruCache, TokenBucket } from '@canopus/base'
import type { Client } from '@canopus/client'
import type { EventRecorder, ObjectReferenceLike } from './controller.ts'

const CACHE_SIZE = 4096
/** More different messages than this within the window are written as one. */
const MAX_SIMILAR = 10
const SIMILAR_WINDOW_MS = 600_000
/** Per source, object and type: so many events at once, then one in five minutes. */
const LIMIT = { burst: 25, qps: 1 / 300 }

export interface EventRecorderOptions {
  client: Client
  clock: Clock
  logger: Logger
  /** Whose events these are, for example `deployment-controller`. */
  component: string
  /** The machine that it runs on, where that matters (kubelet). */
  host?: string
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const correlator = new Correlator(options)
  const events = options.client.resource(Events)
  // One at a time, so that a count never overtakes the event that it belongs to.
  let writing: Promise<void> = Promise.resolve()
  const write = async (planned: PlannedEvent): Promise<void> => {
    const known = correlator.written(planned.key)
    const { metadata, count, lastTimestamp, message } = planned.event
    const namespace = metadata.namespace ?? 'default'
    if (known) {
      try {
        await events.patch(known, 'strategic', { count, lastTimestamp, message }, { namespace })
        return
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
    }
    const created = await events.create(planned.event, { namespace })
    correlator.remember(planned.key, created.metadata.name)
  }
  return {
    event(about, type, reason, message) {
      const planned = correlator.plan(about, type, reason, message)
      if (!planned) return
      writing = writing
        .then(() => write(planned))
        .catch(error => options.logger.debug('an event could not be written', { reason, message, error }))
    },
  }
}

interface PlannedEvent {
  key: string
  event: Event
}

interface Seen {
  count: number
  firstTimestamp: string
  name: string | undefined
}

interface Similar {
  messages: Set<string>
  lastAt: number
}

class Correlator {
  readonly #options: EventRecorderOptions
  readonly #seen = new LruCache<string, Seen>({ capacity: CACHE_SIZE })
  readonly #similar = new LruCache<string, Similar>({ capacity: CACHE_SIZE })
  readonly #buckets = new LruCache<string, TokenBucket>({ capacity: CACHE_SIZE })

  #serial: number

  constructor(options: EventRecorderOptions) {
    this.#options = options
    // Recorders of one process must not choose the same names at the same moment.
    this.#serial = [...options.component].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1_000_000, 7)
  }

  written(key: string): string | undefined {
    return this.#seen.get(key)?.name
  }

  remember(key: string, name: string): void {
    const seen = this.#seen.get(key)
    if (seen) seen.name = name
  }

  /** The event to write and the key of its series; nothing where this object has had too many. */
  plan(
    about: ObjectReferenceLike,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): PlannedEvent | undefined {
    const { component, host, clock } = this.#options
    const now = clock.now()
    const involvedObject = referenceTo(about)
    // The object's version is no part of it: what happens again and again happens to newer and newer versions.
    const { kind, namespace: objectNamespace, name, uid, apiVersion, fieldPath } = involvedObject
    const object = [component, host, kind, objectNamespace, name, uid, apiVersion, type]
    const group = JSON.stringify([...object, reason])
    const combined = this.#combine(group, message, clock.monotonic())
    const text = combined ? `(combined from similar events): ${message}` : message
    const key = combined ? group : JSON.stringify([...object, reason, fieldPath, message])
    const seen = this.#seen.get(key) ?? { count: 0, firstTimestamp: formatTime(now), name: undefined }
    seen.count += 1
    this.#seen.set(key, seen)
    // Last, so that what is dropped is counted all the same.
    if (!this.#admit(JSON.stringify(object), clock.monotonic())) return undefined
    const namespace = involvedObject.namespace ?? 'default'
    // Nanoseconds in hexadecimal make the name unique; the count keeps events of one moment apart.
    const unique = (BigInt(Math.round(now)) * 1_000_000n + BigInt(this.#nextSerial())).toString(16)
    const metadata: Partial<ObjectMeta> = { name: `${involvedObject.name}.${unique}`, namespace }
    return {
      key,
      event: {
        metadata: metadata as ObjectMeta,
        involvedObject,
        reason,
        message: text,
        type,
        count: seen.count,
        firstTimestamp: seen.firstTimestamp,
        lastTimestamp: formatTime(now),
        source: { component, ...(host ? { host } : {}) },
        reportingComponent: component,
        reportingInstance: host ?? '',
      },
    }
  }

  #nextSerial(): number {
    this.#serial = (this.#serial + 1) % 1_000_000
    return this.#serial
  }

  #admit(key: string, now: number): boolean {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(LIMIT, now)
    this.#buckets.set(key, bucket)
    return bucket.tryTake(now)
  }

  #combine(group: string, message: string, now: number): boolean {
    let similar = this.#similar.get(group)
    if (!similar || now - similar.lastAt > SIMILAR_WINDOW_MS) similar = { messages: new Set(), lastAt: now }
    similar.lastAt = now
    similar.messages.add(message)
    this.#similar.set(group, similar)
    if (similar.messages.size < MAX_SIMILAR) return false
    const [oldest] = similar.messages
    similar.messages.delete(oldest!)
    return true
  }
}

/** How events refer to an object. */
export function referenceTo(about: ObjectReferenceLike): ObjectReference {
  const { name, namespace, uid, resourceVersion } = about.metadata
  return {
    ...(about.kind ? { kind: about.kind } : {}),
    ...(namespace ? { namespace } : {}),
    name,
    uid,
    ...(about.apiVersion ? { apiVersion: about.apiVersion } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
    ...(about.fieldPath ? { fieldPath: about.fieldPath } : {}),
  }
}
