/** Answers that are not stored objects: Status, and objects made on the spot. */

import { messageNameOf } from '@canopus/api'
import { parseApiVersion, type Status, StatusError, wrapMessage } from '@canopus/apimachinery'
import { indented, toYaml } from '../encoding/encoder.ts'
import { contentTypeOf, type Form, JSON_FORM, negotiate, type Transform } from '../encoding/negotiate.ts'
import { encodeMessage } from '../encoding/protobuf.ts'
import type { ApiRequest, ApiResponse } from '../http/message.ts'
import { serialized, written } from '../tracing/serialize-object.ts'

/** An object of any kind in the form that the client asks for. */
export function objectResponse(
  request: Asking,
  status: number,
  object: { kind?: string; apiVersion?: string },
): ApiResponse {
  return encodeAs(negotiate(request.headers, [], prettyOf(request)), status, object, written)
}

/** What a request says of the form of its answer. */
type Asking = Pick<ApiRequest, 'headers' | 'query'>

const prettyOf = ({ query }: Asking): string | null =>
  query.includes('pretty') ? new URLSearchParams(query).get('pretty') : null

/**
 * A Status, as JSON where the client accepts nothing that we speak. One that answers the request itself goes out in the form that the
 * object would have had, `transforms` included; an error does not.
 */
export function statusResponse(
  request: Asking,
  code: number,
  status: Status,
  transforms: readonly Transform[] = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'],
  write: typeof written = written,
): ApiResponse {
  let form = JSON_FORM
  try {
    form = negotiate(request.headers, transforms, prettyOf(request))
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
  }
  return encodeAs(form, code, status, write)
}

export const errorResponse = (request: Asking, { status }: StatusError): ApiResponse => failureResponse(request, status)

/** What an error says, which need not have been made. */
export function failureResponse(request: Asking, status: Status): ApiResponse {
  const response = statusResponse(request, status.code ?? 500, status, [], serialized)
  const retry = status.details?.retryAfterSeconds
  return retry === undefined || retry === 0
    ? response
    : { ...response, headers: { ...response.headers, 'retry-after': String(retry) } }
}

function encodeAs(
  form: Form,
  status: number,
  object: { kind?: string; apiVersion?: string },
  write: typeof written,
): ApiResponse {
  const { kind = '', apiVersion = 'v1' } = object
  const protobuf = form.media === 'protobuf'
  const message = protobuf ? messageNameOf({ ...parseApiVersion(apiVersion), kind }) : undefined
  if (message !== undefined) {
    const body = write(form, () => wrapMessage({ apiVersion, kind }, encodeMessage(message, object)))
    return { status, headers: { 'content-type': contentTypeOf(form) }, body }
  }
  const text = protobuf ? JSON_FORM : form
  const body = write(text, () => {
    const json = JSON.stringify(object)
    const plain = text.media !== 'yaml' && !text.pretty
    const bytes = Buffer.from(plain ? `${json}\n` : json)
    return plain ? bytes : text.media === 'yaml' ? toYaml(bytes) : indented(bytes)
  })
  return { status, headers: { 'content-type': contentTypeOf(text) }, body }
}
