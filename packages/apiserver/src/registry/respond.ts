/** Answers that are not stored objects: Status, and objects made on the spot. */

import { messageNameOf } from '@canopus/api'
import { parseApiVersion, type Status, StatusError, wrapMessage } from '@canopus/apimachinery'
import { indented, toYaml } from '../encoding/encoder.ts'
import { contentTypeOf, type Form, JSON_FORM, negotiate, type Transform } from '../encoding/negotiate.ts'
import { encodeMessage } from '../encoding/protobuf.ts'
import type { ApiResponse, Headers } from '../http/message.ts'
import { serialized, written } from '../tracing/serialize-object.ts'

/** An object of any kind in the form that the client asks for. */
export function objectResponse(
  headers: Headers,
  status: number,
  object: { kind?: string; apiVersion?: string },
  pretty?: string | null,
): ApiResponse {
  return encodeAs(negotiate(headers, [], pretty), status, object, written)
}

/**
 * A Status, as JSON where the client accepts nothing that we speak. One that answers the request itself goes out in the form that the
 * object would have had, `transforms` included; an error does not.
 */
export function statusResponse(
  headers: Headers,
  code: number,
  status: Status,
  transforms: readonly Transform[] = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'],
  write: typeof written = written,
): ApiResponse {
  let form = JSON_FORM
  try {
    form = negotiate(headers, transforms)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
  }
  return encodeAs(form, code, status, write)
}

export function errorResponse(headers: Headers, error: StatusError): ApiResponse {
  const response = statusResponse(headers, error.code, error.status, [], serialized)
  const retry = error.status.details?.retryAfterSeconds
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
    const json = Buffer.from(JSON.stringify(object))
    return text.media === 'yaml' ? toYaml(json) : text.pretty ? indented(json) : json
  })
  return { status, headers: { 'content-type': contentTypeOf(text) }, body }
}
