/**
 * An OpenAPI v3 document as protobuf: the message openapi.v3.Document of gnostic-models, which client-go's typed converters ask for.
 * Covers what `openApiV3` writes.
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

/** The content type of the answer. */
export const OPENAPI_V3_PROTOBUF = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'
/** What clients may ask for: the second is an old name, which is no valid media type and must not be answered. */
export const OPENAPI_V3_PROTOBUF_ACCEPTED: readonly string[] = [
  OPENAPI_V3_PROTOBUF,
  'application/com.github.proto-openapi.spec.v3@v1.0+protobuf',
]

type JsonObject = Readonly<Record<string, unknown>>

const DOUBLE = 1

const integer: Write = (writer, number, value) => {
  writer.varint(value as number)
  writer.varint(number * 8)
}

const double: Write = (writer, number, value) => {
  writer.double(value as number)
  writer.varint(number * 8 + DOUBLE)
}

/** One of several, which is there even where it is false. */
const choice: Write = (writer, number, value) => {
  writer.varint(value === true ? 1 : 0)
  writer.varint(number * 8)
}

/** Of values that are no scalars nothing is left. */
const preset: Write = (writer, number, value) =>
  nested(writer, number, () => {
    if (typeof value === 'number') double(writer, 1, value)
    else if (typeof value === 'boolean') choice(writer, 2, value)
    else if (typeof value === 'string') text(writer, 3, value)
  })

/** A schema (1) or a reference to one (2). */
const schema: Write = (writer, number, value) =>
  nested(writer, number, () => {
    if ('$ref' in (value as JsonObject)) reference(writer, 2, value)
    else plainSchema(writer, 1, value)
  })

const additional: Write = (writer, number, value) =>
  nested(writer, number, () => {
    if (typeof value === 'boolean') choice(writer, 2, value)
    else schema(writer, 1, value)
  })

const REFERENCE: Message = {
  fields: [
    ['$ref', 1, text],
    ['description', 3, text],
  ],
}
const reference = message(() => REFERENCE)

const plainSchema = message(() => SCHEMA)
const SCHEMA: Message = {
  fields: [
    ['nullable', 1, flag],
    ['readOnly', 3, flag],
    ['writeOnly', 4, flag],
    [
      'externalDocs',
      6,
      message(() => ({
        fields: [
          ['description', 1, text],
          ['url', 2, text],
        ],
      })),
    ],
    ['example', 7, any],
    ['title', 9, text],
    ['multipleOf', 10, double],
    ['maximum', 11, double],
    ['exclusiveMaximum', 12, flag],
    ['minimum', 13, double],
    ['exclusiveMinimum', 14, flag],
    ['maxLength', 15, integer],
    ['minLength', 16, integer],
    ['pattern', 17, text],
    ['maxItems', 18, integer],
    ['minItems', 19, integer],
    ['uniqueItems', 20, flag],
    ['maxProperties', 21, integer],
    ['minProperties', 22, integer],
    ['required', 23, list(text)],
    ['enum', 24, list(any)],
    ['type', 25, text],
    ['allOf', 26, list(schema)],
    ['oneOf', 27, list(schema)],
    ['anyOf', 28, list(schema)],
    ['not', 29, plainSchema],
    ['items', 30, wrapped(1, schema)],
    ['properties', 31, wrapped(1, named(schema))],
    ['additionalProperties', 32, additional],
    ['default', 33, preset],
    ['description', 34, text],
    ['format', 35, text],
  ],
  vendor: 36,
}

const MEDIA: Message = { fields: [['schema', 1, schema]] }
const content: Write = wrapped(1, named(message(() => MEDIA)))

const PARAMETER: Message = {
  fields: [
    ['name', 1, text],
    ['in', 2, text],
    ['description', 3, text],
    ['required', 4, flag],
    ['schema', 10, schema],
  ],
}
const parameters: Write = list(
  wrapped(
    1,
    message(() => PARAMETER),
  ),
)

const BODY: Message = {
  fields: [
    ['description', 1, text],
    ['content', 2, content],
    ['required', 3, flag],
  ],
}
const RESPONSE: Message = {
  fields: [
    ['description', 1, text],
    ['content', 3, content],
  ],
}
const response: Write = wrapped(
  1,
  message(() => RESPONSE),
)

/** The usual one (1), and those by status (2). */
const responses: Write = (writer, number, value) =>
  nested(writer, number, () => {
    const { default: usual, ...byStatus } = value as JsonObject
    named(response)(writer, 2, byStatus)
    if (usual !== undefined) response(writer, 1, usual)
  })

const OPERATION: Message = {
  fields: [
    ['tags', 1, list(text)],
    ['description', 3, text],
    ['operationId', 5, text],
    ['parameters', 6, parameters],
    [
      'requestBody',
      7,
      wrapped(
        1,
        message(() => BODY),
      ),
    ],
    ['responses', 8, responses],
    ['deprecated', 10, flag],
  ],
  vendor: 13,
}
const operation = message(() => OPERATION)

const PATH_ITEM: Message = {
  fields: [
    ['get', 4, operation],
    ['put', 5, operation],
    ['post', 6, operation],
    ['delete', 7, operation],
    ['options', 8, operation],
    ['head', 9, operation],
    ['patch', 10, operation],
    ['parameters', 13, parameters],
  ],
  vendor: 14,
}

const INFO: Message = {
  fields: [
    ['title', 1, text],
    ['description', 2, text],
    ['version', 6, text],
  ],
}

const SECURITY: Message = {
  fields: [
    ['type', 1, text],
    ['description', 2, text],
    ['name', 3, text],
    ['in', 4, text],
  ],
}

const COMPONENTS: Message = {
  fields: [
    ['schemas', 1, wrapped(1, named(schema))],
    [
      'securitySchemes',
      7,
      wrapped(
        1,
        named(
          wrapped(
            1,
            message(() => SECURITY),
          ),
        ),
      ),
    ],
  ],
}

const DOCUMENT: Message = {
  fields: [
    ['openapi', 1, text],
    ['info', 2, message(() => INFO)],
    ['paths', 4, wrapped(1, named(message(() => PATH_ITEM)))],
    ['components', 5, message(() => COMPONENTS)],
  ],
}

const INITIAL_SIZE = 512 * 1024

/** The bytes of a document that `openApiV3` made. */
export function openApiV3Protobuf(document: Readonly<Record<string, unknown>>): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter(INITIAL_SIZE)
  writeFields(writer, DOCUMENT, document)
  return writer.finish()
}
