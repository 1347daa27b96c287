/** Answers that are not stored objects: Status, and objects made on the spot. */

import { messageNameOf } from '@canopus/api'
import { parseApiVersion, type Status, StatusError, wrapMessage } from '@canopus/apimachinery'
import { indented, toYaml } from '../encoding/encoder.ts'
import { contentTypeOf, type Form, negotiate, type Transform } from '../encoding/negotiate.ts'
import { encodeMessage } from '../encoding/protobuf.ts'
import type { ApiResponse, Headers } from '../http/message.ts'

/** An object of any kind in the form that the client asks for. */
export function objectResponse(
  headers: Headers,
  status: number,
  object: { kind?: string; apiVersion?: string },
  pretty?: string | null,
): ApiResponse {
  return encodeAs(negotiate(headers, [], pretty), status, object)
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
): ApiResponse {
  let form: Form = { id: 'json', media: 'json', pretty: false }
  try {
    form = negotiate(headers, transforms)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
  }
  return encodeAs(form, code, status)
}

export function errorResponse(headers: Headers, error: StatusError): ApiResponse {
  const response = statusResponse(headers, error.code, error.status, [])
  const retry = error.status.details?.retryAfterSeconds
  return retry === undefined || retry === 0
    ? response
    : { ...response, headers: { ...response.headers, 'retry-after': String(retry) } }
}

function encodeAs(form: Form, status: number, object: { kind?: string; apiVersion?: string }): ApiResponse {
  const headers = { 'content-type': contentTypeOf(form) }
  if (form.media === 'protobuf') {
    const { kind = '', apiVersion = 'v1' } = object
    const message = messageNameOf({ ...parseApiVersion(apiVersion), kind })
    if (message !== undefined) {
      return { status, headers, body: wrapMessage({ apiVersion, kind }, encodeMessage(message, object)) }
    }
    return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(object)) }
  }
  const json = Buffer.from(JSON.stringify(object))
  return { status, headers, body: form.media === 'yaml' ? toYaml(json) : form.pretty ? indented(json) : json }
}
