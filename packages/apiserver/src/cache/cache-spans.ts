/** The spans of upstream's watch cache (k8s.io/apiserver/pkg/storage/cacher). */
import type { Maybe } from '../security.ts'
import { shownKey } from '../storage/storage-spans.ts'
import { addEvent, type Span, type SpanAttributes, traced } from '../tracing/span.ts'

interface Resource {
  readonly group: string
  readonly plural: string
}

/** A read of one object. One of the newest state asks the store how new that is. */
export function inGetSpan<T>(key: string, resourceVersion: string, read: () => T): T {
  const facts = ({ request }: Span): SpanAttributes => ({
    'audit-id': request.auditId,
    key: shownKey(key),
    'resource-version': resourceVersion,
  })
  return traced('cacher.Get', 'internal', facts, span => {
    span?.event(resourceVersion === '' ? 'About to Get from underlying storage' : 'About to fetch object from cache')
    return read()
  })
}

export const inListSpan = <T>(resource: Resource, list: () => T): T => inSpan('cacher.GetList', resource, list)

export const inWatchSpan = <T>(resource: Resource, watch: () => T): T => inSpan('cacher.Watch', resource, watch)

function inSpan<T>(name: string, { group, plural }: Resource, work: () => T): T {
  const type = group === '' ? plural : `${plural}.${group}`
  return traced(name, 'internal', ({ request }) => ({ 'audit-id': request.auditId, type }), work)
}

/** Waits until the cache is as new as it has to be. */
export async function freshEnough(reached: Maybe<unknown>): Promise<void> {
  addEvent('watchCache locked acquired')
  await reached
  addEvent('watchCache fresh enough')
}
