import type { Event } from '@canopus/api/core/v1'
import { aggregateText, StatusError } from '@canopus/apimachinery'
import { type Clock, LruCache, TokenBucket } from '@canopus/base'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import type { EventLimit, EventLimitType } from './configuration/event-rate-limit.ts'
import type { AdmissionContext } from './shared.ts'

/** By what events share a bucket. */
const KEYS: Readonly<Record<EventLimitType, (attributes: AdmissionAttributes) => string>> = {
  Server: () => '',
  Namespace: ({ namespace }) => namespace,
  User: ({ user }) => user.name,
  SourceAndObject: ({ object }) => {
    const { source = {}, involvedObject: on = {} } = object as Event
    return [source.component, source.host, on.kind, on.namespace, on.name, on.uid, on.apiVersion].join('')
  },
}

const BUCKETS = 4096

/** How many events are taken, of everybody or of each (plugin/pkg/admission/eventratelimit). */
export function eventRateLimit({ configuration, clock }: AdmissionContext): AdmissionPlugin {
  const limits = (configuration?.eventLimits ?? []).map(limit => limiter(limit, clock))
  return {
    name: 'EventRateLimit',
    operations: ['CREATE', 'UPDATE'],
    resources: ['/events'],
    validate(attributes) {
      if (attributes.dryRun) return
      const reached = limits.map(accept => accept(attributes)).filter(each => each !== undefined)
      if (reached.length === 0) return
      const message = `Too many requests: ${aggregateText(reached)}`
      throw new StatusError({ code: 429, reason: 'TooManyRequests', message })
    },
  }
}

/** Takes a token for the event; where there is none, the answer says so. */
function limiter(
  { type, qps, burst, cacheSize = 0 }: EventLimit,
  clock: Clock,
): (attributes: AdmissionAttributes) => string | undefined {
  const buckets = new LruCache<string, TokenBucket>({ capacity: cacheSize || BUCKETS })
  return attributes => {
    const key = KEYS[type](attributes)
    const now = clock.monotonic()
    const bucket = buckets.get(key) ?? new TokenBucket({ qps, burst }, now)
    buckets.set(key, bucket)
    return bucket.tryTake(now) ? undefined : `limit reached on type ${type} for key ${key}`
  }
}
