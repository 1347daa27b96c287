/**
 * An OpenAPI v2 document as protobuf: the message openapi.v2.Document of gnostic-models, which client-go's OpenAPISchema() asks
 * for. Covers what `openApiV2` writes.
 */
import { ProtobufWriter } from '@canopus/apimachinery'
import {
  any,
  flag,
  list,
  type Message,
  message,
  named,
  nested,
  text,
  type Write,
  wrapped,
  writeFields,
} from './gnostic.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** The content type of the answer. */
export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
/** What clients may ask for: the second is an old name, which is no valid media type and must not be answered. */
export const OPENAPI_V2_PROTOBUF_ACCEPTED = [
  OPENAPI_V2_PROTOBUF,
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
] as const

const typeItem: Write = (writer, number, value) =>
  nested(writer, number, () => list(text)(writer, 1, Array.isArray(value) ? value : [value]))

const schema = message(() => SCHEMA)
const SCHEMA: Message = {
  fields: [
    ['$ref', 1, text],
    ['format', 2, text],
    ['title', 3, text],
    ['description', 4, text],
    ['default', 5, any],
    ['required', 19, list(text)],
    ['enum', 20, list(any)],
    ['additionalProperties', 21, wrapped(1, schema)],
    ['type', 22, typeItem],
    ['items', 23, wrapped(1, schema)],
    ['allOf', 24, list(schema)],
    ['properties', 25, wrapped(1, named(schema))],
  ],
  vendor: 31,
}

const BODY: Message = {
  fields: [
    ['description', 1, text],
    ['name', 2, text],
    ['in', 3, text],
    ['required', 4, flag],
    ['schema', 5, schema],
  ],
}
const PATH: Message = {
  fields: [
    ['required', 1, flag],
    ['in', 2, text],
    ['description', 3, text],
    ['name', 4, text],
    ['type', 5, text],
    ['uniqueItems', 19, flag],
  ],
}
const QUERY: Message = {
  fields: [
    ['required', 1, flag],
    ['in', 2, text],
    ['description', 3, text],
    ['name', 4, text],
    ['type', 6, text],
    ['uniqueItems', 20, flag],
  ],
}

/** Parameter: a body (1) or not (2), and then of the query (3) or of the path (4). */
const parameter: Write = (writer, number, value) => {
  const { in: place } = value as JsonObject
  nested(writer, number, () => {
    if (place === 'body') body(writer, 1, value)
    else nested(writer, 2, () => (place === 'path' ? path(writer, 4, value) : query(writer, 3, value)))
  })
}
/** ParametersItem: a parameter (1) or a reference to one (2). */
const parameterItem: Write = (writer, number, value) =>
  nested(writer, number, () =>
    '$ref' in (value as JsonObject) ? reference(writer, 2, value) : parameter(writer, 1, value),
  )
const reference = message(() => REFERENCE)
const REFERENCE: Message = { fields: [['$ref', 1, text]] }
const body = message(() => BODY)
const path = message(() => PATH)
const query = message(() => QUERY)

const RESPONSE: Message = {
  fields: [
    ['description', 1, text],
    ['schema', 2, wrapped(1, schema)],
  ],
}
const responses: Write = wrapped(
  1,
  named(
    wrapped(
      1,
      message(() => RESPONSE),
    ),
  ),
)

const OPERATION: Message = {
  fields: [
    ['tags', 1, list(text)],
    ['description', 3, text],
    ['operationId', 5, text],
    ['produces', 6, list(text)],
    ['consumes', 7, list(text)],
    ['parameters', 8, list(parameterItem)],
    ['responses', 9, responses],
    ['schemes', 10, list(text)],
  ],
  vendor: 13,
}
const operation = message(() => OPERATION)

const PATH_ITEM: Message = {
  fields: [
    ['get', 2, operation],
    ['put', 3, operation],
    ['post', 4, operation],
    ['delete', 5, operation],
    ['options', 6, operation],
    ['head', 7, operation],
    ['patch', 8, operation],
    ['parameters', 9, list(parameterItem)],
  ],
}

const INFO: Message = {
  fields: [
    ['title', 1, text],
    ['version', 2, text],
  ],
}

const API_KEY: Message = {
  fields: [
    ['type', 1, text],
    ['name', 2, text],
    ['in', 3, text],
    ['description', 4, text],
  ],
}

const DOCUMENT: Message = {
  fields: [
    ['swagger', 1, text],
    ['info', 2, message(() => INFO)],
    ['paths', 8, wrapped(2, named(message(() => PATH_ITEM)))],
    ['definitions', 9, wrapped(1, named(schema))],
    ['parameters', 10, wrapped(1, named(parameter))],
    [
      'security',
      12,
      list(
        wrapped(
          1,
          named((writer, number, value) => nested(writer, number, () => list(text)(writer, 1, value))),
        ),
      ),
    ],
    [
      'securityDefinitions',
      13,
      wrapped(
        1,
        named(
          wrapped(
            2,
            message(() => API_KEY),
          ),
        ),
      ),
    ],
  ],
}

const INITIAL_SIZE = 4 * 1024 * 1024

/** The bytes of a document that `openApiV2` made. */
export function openApiV2Protobuf(document: Readonly<Record<string, unknown>>): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter(INITIAL_SIZE)
  writeFields(writer, DOCUMENT, document)
  return writer.finish()
}
