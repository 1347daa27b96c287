/** What handlers note in their spans (k8s.io/apiserver/pkg/endpoints/handlers). */

import { messageOf } from '@canopus/base'
import { type Body, bodyOf, GivenBody } from '../encoding/given-body.ts'
import type { ApiRequest } from '../http/message.ts'
import type { Maybe } from '../security.ts'
import { addEvent, currentSpan, type SpanAttributes } from '../tracing/span.ts'

/** How long a body is, where it is bytes. */
const lengthOf = (body: Body): SpanAttributes => (body instanceof GivenBody ? {} : { len: body.byteLength })

/** The body of a request. Throws what `ApiRequest.body` does. */
export const readBody = (request: ApiRequest): Maybe<Body> =>
  currentSpan() === undefined ? bodyOf(request) : noted(async () => bodyOf(request))

/** The same as bytes. */
export const readBytes = (request: ApiRequest): Maybe<Uint8Array> =>
  currentSpan() === undefined ? request.body() : noted(async () => request.body())

async function noted<T extends Body>(read: () => Promise<T>): Promise<T> {
  try {
    const body = await read()
    addEvent('limitedReadBody succeeded', () => lengthOf(body))
    return body
  } catch (error) {
    addEvent('limitedReadBody failed', () => ({ len: 0, err: messageOf(error) }))
    throw error
  }
}

/** Does what a create or an update is for: stores what came as `body`. */
export function storing<T>(body: Body, store: () => Promise<T>): Promise<T> {
  const span = currentSpan()
  if (span === undefined) return store()
  span.event('About to store object in database')
  return store().then(
    result => {
      span.event('Write to database call succeeded', lengthOf(body))
      return result
    },
    error => {
      span.event('Write to database call failed', { ...lengthOf(body), err: messageOf(error) })
      throw error
    },
  )
}
