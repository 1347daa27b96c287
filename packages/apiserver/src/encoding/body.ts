/** Request bodies: JSON, YAML or protobuf into an object of the expected kind, with what strict validation has to say. */

import { messageNameOf, schemas } from '@canopus/api'
import {
  badRequestError,
  type Decoded,
  DecodeError,
  decodeFailure,
  decodeObject,
  decodeProtobuf,
  decodeValue,
  decodingProblem,
  encodeJson,
  JsonSyntaxError,
  type KubeObject,
  ProtobufError,
  parseApiVersion,
  parseJson,
  StatusError,
  type StructSchema,
  strictDecodingMessage,
} from '@canopus/apimachinery'
import { asBuffer } from '../cache/object-version.ts'
import { type Headers, header } from '../http/message.ts'
import { duplicateFields } from '../registry/patch-findings.ts'
import { addEvent } from '../tracing/span.ts'
import { customUnknownFields, withSortedKeys } from './findings.ts'
import { type Body, bytesOf, GivenBody } from './given-body.ts'
import { parseMediaType } from './media-type.ts'
import { MEDIA_TYPES } from './negotiate.ts'
import { internalGroupOf, isUnserved } from './unserved-kinds.ts'
import { yamlToJson, yamlWarnings } from './yaml.ts'

export interface ExpectedKind {
  readonly apiVersion: string
  readonly kind: string
  /** In the facts table. */
  readonly message: string
  /** Of custom kinds, which are not in the table. */
  readonly schema?: StructSchema
  /** Older versions that bodies may be of as well, with the same fields. What is decoded keeps the version that it says. */
  readonly olderVersions?: readonly string[]
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

/** Reads the body of a create or an update, and notes it in the span of the request. Throws what `decodeOptions` does. */
export function decodeBody<T = KubeObject>(...of: Parameters<typeof decodeOptions>): T {
  addEvent('About to convert to expected version')
  const object = decodeOptions<T>(...of)
  addEvent('Conversion done')
  return object
}

/**
 * Reads a body. Findings of strict validation are thrown (Strict), added to `warnings` (Warn) or dropped (Ignore). Throws
 * StatusError 415 for media types that nobody speaks and 400 for bodies that cannot be read.
 */
export function decodeOptions<T>(
  source: Body,
  headers: Headers,
  expected: ExpectedKind,
  validation: FieldValidation,
  warnings: string[],
): T {
  const media = mediaOf(headers)
  if (media === 'protobuf' && expected.schema !== undefined) throw unsupportedMediaTypeError(TEXT_TYPES)
  const given = source instanceof GivenBody && media === 'json' ? decodeGiven(source, expected) : undefined
  if (given !== undefined) return given as T
  const own = { version: '', kind: '' }
  const body = bytesOf(source)
  try {
    const decoded = media === 'protobuf' ? fromProtobuf(body, expected, own) : fromText(media, body, expected, own)
    if (validation === 'Strict' && decoded.strictErrors.length > 0) {
      throw new DecodeError(strictDecodingMessage(decoded.strictErrors))
    }
    if (validation === 'Warn') warnings.push(...yamlWarnings(decoded.strictErrors))
    return decoded.object as T
  } catch (error) {
    if (error instanceof StatusError) throw error
    if (error instanceof DecodeError || error instanceof JsonSyntaxError) {
      if (isOptions(expected)) throw badRequestError(decodingProblem(error))
      throw badRequestError(decodeFailure(error, own.kind === '' ? undefined : own, expected.kind, body))
    }
    throw error
  }
}

/** The object of a body that nobody has to read; undefined where there is anything to say about it: reading the text tells that. */
function decodeGiven(body: GivenBody, expected: ExpectedKind): unknown {
  if (expected.schema !== undefined) return undefined
  const value = body.copy()
  if (value === undefined) return undefined
  try {
    const { object, strictErrors } = decodeValue(schemaChoice(expected, { version: '', kind: '' }), value)
    return strictErrors.length === 0 ? object : undefined
  } catch (error) {
    if (error instanceof StatusError || error instanceof DecodeError) return undefined
    throw error
  }
}

/** The value of a body that is JSON or YAML and names `field` somewhere; undefined for others, and where it cannot be read. */
export function rawBodyWith(field: string, source: Body, headers: Headers): unknown {
  const media = mediaOf(headers)
  if (source instanceof GivenBody && media === 'json') return source.value
  const body = bytesOf(source)
  if (media === 'protobuf' || !asBuffer(body).includes(field)) return undefined
  try {
    return parseJson(media === 'yaml' ? yamlToJson(body).json : asBuffer(body).toString())
  } catch {
    return undefined
  }
}

/** What custom objects can be sent as. */
const TEXT_TYPES = ['application/json', 'application/yaml']

/** A parameter without a value, which Go does not read. */
const HALF_PARAMETER = /;[^=;]*[^=;\s][^=;]*(;|$)/

function mediaOf(headers: Headers): 'json' | 'yaml' | 'protobuf' {
  const contentType = header(headers, 'content-type')
  if (contentType === undefined || contentType === '' || contentType === 'application/json') return 'json'
  const type = parseMediaType(contentType)?.type
  const found = MEDIA_TYPES.find(([, each]) => each === type)
  if (found === undefined || HALF_PARAMETER.test(contentType))
    throw unsupportedMediaTypeError(MEDIA_TYPES.map(([, each]) => each))
  return found[0]
}

export function unsupportedMediaTypeError(accepted: readonly string[]): StatusError {
  return new StatusError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  })
}

function fromText(
  media: 'json' | 'yaml',
  body: Uint8Array,
  expected: ExpectedKind,
  own: { version: string; kind: string },
): Decoded {
  const choose = schemaChoice(expected, own, body)
  const yaml = media === 'yaml' ? yamlToJson(body) : undefined
  const decoded = decodeObject(choose, yaml?.json ?? body)
  if (yaml === undefined && decoded.strictErrors.length === 0) return decoded
  return { ...decoded, strictErrors: findingsOf(decoded, expected, choose, yaml, body) }
}

/** In upstream's order: YAML is read into maps, and so are custom objects. */
function findingsOf(
  decoded: Decoded,
  { schema }: ExpectedKind,
  choose: (apiVersion: string, kind: string) => StructSchema,
  yaml: { json: string; strictErrors: readonly string[] } | undefined,
  body: Uint8Array,
): string[] {
  if (schema !== undefined) {
    const twice = yaml?.strictErrors ?? duplicateFields(asBuffer(body).toString())
    return [...twice, ...customUnknownFields(schema, decoded.unknownFields)]
  }
  if (yaml === undefined) return decoded.strictErrors
  const sorted = decoded.strictErrors.length > 1 ? encodeJson(withSortedKeys(parseJson(yaml.json))) : undefined
  const found = sorted === undefined ? decoded : decodeObject(choose, sorted)
  return [...yaml.strictErrors, ...found.strictErrors]
}

function fromProtobuf(body: Uint8Array, expected: ExpectedKind, own: { version: string; kind: string }): Decoded {
  try {
    const object = decodeProtobuf(schemaChoice(expected, own), body)
    return { object, strictErrors: [], unknownFields: [], duplicateFields: [] }
  } catch (error) {
    if (error instanceof ProtobufError) throw new DecodeError(error.message)
    throw error
  }
}

/** Notes what the body says it is, and refuses what the endpoint does not take. Custom objects have to say it themselves. */
function schemaChoice(
  expected: ExpectedKind,
  own: { version: string; kind: string },
  body?: Uint8Array,
): (apiVersion: string, kind: string) => StructSchema {
  return (apiVersion, kind) => {
    if (expected.schema !== undefined && kind === '') {
      throw new DecodeError(`Object 'Kind' is missing in '${asBuffer(body!).toString()}'`)
    }
    checkGroupVersion(apiVersion)
    own.kind = kind === '' ? expected.kind : kind
    own.version = parseApiVersion(apiVersion === '' ? expected.apiVersion : apiVersion).version
    checkKind(apiVersion, kind, expected)
    return expected.schema ?? schemas.schemaOf(expected.message)
  }
}

/**
 * What the object says it is must be what the endpoint takes. Built-in kinds may say nothing; custom ones say their version, and what
 * kind they are is looked at when they are validated. Options are what they are in any version.
 */
function checkKind(given: string, kind: string, expected: ExpectedKind): void {
  // Go reads `/v1` as the version `v1` of the group without a name.
  const apiVersion = given.replace(/^\//, '')
  const unsaid = expected.schema === undefined ? expected.apiVersion : ''
  const own = { apiVersion: apiVersion || unsaid, kind: kind || expected.kind }
  if (own.kind === expected.kind && (isOptions(expected) || expected.olderVersions?.includes(own.apiVersion))) return
  if (expected.schema === undefined) checkConvertible(own, expected)
  if (own.apiVersion !== expected.apiVersion) {
    throw badRequestError(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    )
  }
  if (own.kind === expected.kind || expected.schema !== undefined) return
  throw badRequestError(`the kind in the data (${kind}) does not match the expected kind (${expected.kind})`)
}

const isOptions = ({ message }: Pick<ExpectedKind, 'message'>): boolean => message.startsWith('am.')

/** Go reads more than one slash as no version at all. Throws DecodeError. */
export function checkGroupVersion(apiVersion: string): void {
  if (apiVersion.split('/').length > 2) throw new DecodeError(`unexpected GroupVersion string: ${apiVersion}`)
}

/**
 * Upstream decodes what the body says it is and converts that to its own form of the endpoint's kind. Throws DecodeError where that
 * cannot be done. `scheme`: another one than that of all built-in kinds, which knows this kind alone.
 */
export function checkConvertible(
  own: { apiVersion: string; kind: string },
  expected: Pick<ExpectedKind, 'apiVersion' | 'kind' | 'message'>,
  scheme?: string,
): void {
  checkGroupVersion(own.apiVersion)
  if (own.apiVersion === expected.apiVersion && own.kind === expected.kind) return
  if (scheme !== undefined) throw new DecodeError(notRegistered(own, scheme))
  // Options of requests are read by a scheme of their own, which has no other kinds.
  if (isOptions(expected)) throw badRequestError(notRegistered(own, OPTIONS_SCHEME))
  const { group, version } = parseApiVersion(own.apiVersion)
  if (messageNameOf({ group, version, kind: own.kind }) === undefined && !isUnserved(own.apiVersion, own.kind)) {
    throw new DecodeError(notRegistered(own, SCHEME))
  }
  const expectedGroup = parseApiVersion(expected.apiVersion).group
  if (own.kind === expected.kind && internalGroupOf(group, own.kind) === internalGroupOf(expectedGroup, own.kind))
    return
  const [goPackage] = expected.message.split('.')
  throw new DecodeError(`converting (${version}.${own.kind}) to (${goPackage}.${expected.kind}): unknown conversion`)
}

const SCHEME = 'pkg/api/legacyscheme/scheme.go:30'
const OPTIONS_SCHEME = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27'

const notRegistered = ({ apiVersion, kind }: { apiVersion: string; kind: string }, scheme: string): string =>
  `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "${scheme}"`
