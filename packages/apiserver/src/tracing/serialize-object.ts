/** Spans of answers (k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/writers.go). */
import { contentTypeOf, type Form } from '../encoding/negotiate.ts'
import { type ApiResponse, bodyLength } from '../http/message.ts'
import type { Timing } from '../registry/call.ts'
import { currentSpan, type RequestFacts, type SpanAttributes, traced } from './span.ts'

/** How upstream names an encoder: by the version that it writes, and by the form. Streams of protobuf have frames around. */
export function encoderIdentifier(form: Form, { groupVersion }: RequestFacts, streams = false): string {
  const { media, pretty, as, metaVersion = 'v1' } = form
  const encodeGV = as === undefined || streams ? groupVersion : `meta.k8s.io/${metaVersion}`
  const yaml = media === 'yaml'
  const text = (): string =>
    JSON.stringify({ name: 'json', pretty: String(pretty), strict: 'false', yaml: String(yaml) })
  const encoder = media !== 'protobuf' ? text() : streams ? 'raw-protobuf' : 'protobuf'
  return JSON.stringify({ ...(encodeGV === '' ? {} : { encodeGV }), encoder, name: 'versioning' })
}

/** What is told of the request by the spans of its answer. */
export const answerAttributes = ({ auditId, method, url, protocol }: RequestFacts): SpanAttributes => ({
  'audit-id': auditId,
  method,
  url,
  protocol,
})

/** Makes the bytes of an answer, which go out as they are. */
export function serialized<T extends NonNullable<ApiResponse['body']>>(form: Form, make: () => T, timing?: Timing): T {
  const latencies = timing?.latencies
  const encode = latencies === undefined ? make : () => latencies.measure('serialize-response-object', make) as T
  if (currentSpan() === undefined) return encode()
  const facts = (request: RequestFacts): SpanAttributes => ({
    ...answerAttributes(request),
    mediaType: contentTypeOf(form),
    encoder: encoderIdentifier(form, request),
  })
  return traced(
    'SerializeObject',
    'internal',
    ({ request }) => facts(request),
    span => {
      const body = encode()
      if (span === undefined) return body
      const size = bodyLength(body)
      span.event('About to start writing response', { size })
      span.event('Write call succeeded', { size })
      return body
    },
  )
}

/** The same where a handler has done its work. */
export function written<T extends NonNullable<ApiResponse['body']>>(form: Form, encode: () => T, timing?: Timing): T {
  const span = currentSpan()
  if (span === undefined) return serialized(form, encode, timing)
  span.event('About to write a response')
  const body = serialized(form, encode, timing)
  span.event('Writing http response done')
  return body
}
