/** PATCH bodies: JSON patch, merge patch, strategic merge patch (k8s.io/apiserver/pkg/endpoints/handlers/patch.go). */

import { schemas } from '@canopus/api'
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  badRequestError,
  checkDepth,
  checkJsonPatch,
  clone,
  type Decoded,
  DecodeError,
  decodeValue,
  encodeJson,
  type FieldError,
  goQuote,
  goText,
  internalError,
  invalid,
  invalidError,
  JsonSyntaxError,
  type KubeObject,
  mergeSchemaOf,
  PatchError,
  parseApiVersion,
  parseJson,
  plainError,
  StatusError,
  type StructSchema,
  strictDecodingMessage,
} from '@canopus/apimachinery'
import { asBuffer } from '../cache/object-version.ts'
import {
  checkConvertible,
  checkGroupVersion,
  type FieldValidation,
  unsupportedMediaTypeError,
} from '../encoding/body.ts'
import { customUnknownFields, withSortedKeys } from '../encoding/findings.ts'
import { type Body, bytesOf, GivenBody } from '../encoding/given-body.ts'
import { parseMediaType } from '../encoding/media-type.ts'
import { type Headers, header } from '../http/message.ts'
import { addEvent } from '../tracing/span.ts'
import { patchFindings } from './patch-findings.ts'
import { escaped, quotedPatch, valuesOf } from './quoted-patch.ts'
import { unnamedError } from './update.ts'

const JSON_PATCH = 'application/json-patch+json'
const MERGE_PATCH = 'application/merge-patch+json'
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'
const APPLY_PATCH = 'application/apply-patch+yaml'
const TYPES = [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH]

export interface PatchedKind {
  readonly apiVersion: string
  readonly kind: string
  readonly message: string
  /** Of custom kinds, which know no strategic merge patch. */
  readonly schema?: StructSchema
  /** Of scales of custom kinds: upstream's scheme of all scales, by which they are read. They know no strategic merge patch either. */
  readonly scheme?: string
}

/** Makes the new object of the old one; the old one is not changed. */
export type Patcher = (old: KubeObject) => KubeObject

const patchType = (headers: Headers): string => parseMediaType(header(headers, 'content-type') ?? '')?.type ?? ''

const isOfCustom = ({ schema, scheme }: PatchedKind): boolean => schema !== undefined || scheme !== undefined

const typesOf = (kind: PatchedKind): readonly string[] =>
  isOfCustom(kind) ? TYPES.filter(each => each !== STRATEGIC_PATCH) : TYPES

/** Whether a patch of this media type can be one of the kind. */
export const takesPatch = (headers: Headers, kind: PatchedKind): boolean => typesOf(kind).includes(patchType(headers))

/** What a patch says, and what is doubtful about it. */
interface ReadBody {
  readonly patch: ReturnType<typeof textOrGiven>['patch']
  readonly findings: ReturnType<typeof patchFindings>
}

/**
 * Reads the patch of a request. Throws StatusError 415 and 400. `keepsSpec`: the strategy puts the old spec back whatever the patch
 * makes of it, so that one which it leaves alone need not be looked through, and stays the old one; so it does with what a custom
 * object says that it is.
 */
export function readPatch(
  body: Body,
  headers: Headers,
  kind: PatchedKind,
  validation: FieldValidation,
  warnings: string[],
  keepsSpec = false,
): Patcher {
  const type = patchType(headers)
  const types = typesOf(kind)
  if (!types.includes(type)) throw isOfCustom(kind) ? unsupportedMediaTypeError([...types]) : noRouteError()
  // Not before there is an object to patch: that there is none is said first.
  let read: ReadBody | undefined
  const readOnce = (): ReadBody => {
    if (read !== undefined) return read
    const isLoose = type === STRATEGIC_PATCH || (type === JSON_PATCH && validation === 'Ignore')
    const { patch, text } = textOrGiven(body, isLoose ? '' : 'error decoding patch: ')
    if (type === JSON_PATCH && !isLoose) translate(() => checkJsonPatch(patch))
    const findings = validation === 'Ignore' ? [] : patchFindings(patch, text, type === JSON_PATCH)
    read = { patch, findings }
    return read
  }
  const schema = kind.schema ?? schemas.schemaOf(kind.message)
  return notedInSpan(old => {
    const { patch, findings } = readOnce()
    const patched = translate(() => {
      switch (type) {
        case JSON_PATCH:
          return applyJsonPatch(old as never, patch)
        case MERGE_PATCH:
          return applyMergePatch(old as never, patch)
        default:
          return applyStrategicMergePatch(old as never, patch, mergeSchemaOf(schema))
      }
    })
    const described = type === STRATEGIC_PATCH ? (): string => goText(patch) : undefined
    const check = (value: unknown): KubeObject =>
      checkPatched(value, kind, validation, warnings, described, findings, old, valuesOf(patch), keepsSpec)
    const spec = keepsSpec && !kind.schema ? specLeftAlone(patched as WithSpec, old as WithSpec) : undefined
    if (spec === undefined) return check(patched)
    try {
      return Object.assign(check({ ...(patched as object), spec: {} }), { spec })
    } catch {
      // Answers quote the whole object.
      return check(patched)
    }
  })
}

/** Notes the work of a patch in the span of its request; admission is what follows. */
const notedInSpan =
  <Of extends unknown[]>(apply: (...of: Of) => KubeObject) =>
  (...of: Of): KubeObject => {
    addEvent('About to apply patch')
    const object = apply(...of)
    addEvent('About to check admission control')
    return object
  }

interface WithSpec {
  readonly spec?: unknown
}

function specLeftAlone(patched: WithSpec, old: WithSpec): object | undefined {
  const { spec } = patched
  return typeof spec === 'object' && spec !== null && spec === old.spec ? spec : undefined
}

/** What a body says; the text only where that had to be read. */
function textOrGiven(body: Body, prefix: string): { patch: unknown; text?: string } {
  const given = body instanceof GivenBody ? body.copy() : undefined
  if (given !== undefined) return { patch: given }
  const text = asBuffer(bytesOf(body)).toString()
  return { patch: parsePatch(text, prefix), text }
}

function parsePatch(text: string, prefix: string): unknown {
  try {
    checkDepth(text)
    return parseJson(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw badRequestError(`${prefix}${error.message}`)
  }
}

/** No route of a built-in kind takes such a patch. */
const noRouteError = (): StatusError =>
  new StatusError({
    code: 415,
    reason: 'UnsupportedMediaType',
    details: {},
    message: '415: Unsupported Media Type',
  })

function translate<T>(apply: () => T): T {
  try {
    return apply()
  } catch (error) {
    if (!(error instanceof PatchError)) throw error
    switch (error.kind) {
      case 'malformed':
        throw badRequestError(error.message)
      case 'tooLarge':
        throw new StatusError({
          code: 413,
          reason: 'RequestEntityTooLarge',
          message: `Request entity too large: ${error.message}`,
        })
      case 'unclassified':
        throw plainError(error.message)
      case 'unprocessable':
        // Upstream keeps to itself what did not fit (NewGenericServerResponse with 422).
        throw new StatusError({
          code: 422,
          reason: 'Invalid',
          details: {},
          message: 'the server rejected our request due to an error in our request',
        })
    }
  }
}

/**
 * The patched object as one of its kind. Throws StatusError 422 about no object in particular, as upstream, which quotes the
 * object, or for strategic merge patches the patch as Go prints it: `described`. `findings` are those of the patch itself. Owners
 * of fields that the patch leaves as they are in `old` come back as the same value.
 */
export function checkPatched(
  patched: unknown,
  kind: PatchedKind,
  validation: FieldValidation,
  warnings: string[],
  described?: () => string,
  findings: readonly string[] = [],
  old?: KubeObject,
  given: ReadonlySet<unknown> = new Set(),
  staysWhatItIs = false,
): KubeObject {
  try {
    if (kind.schema !== undefined) checkSaysKind(patched)
    else if (described === undefined) {
      if (saidVersion(patched) === '') throw readAsNothing(patched, findings, validation, warnings, old)
      checkConvertible(saidKind(patched, kind), kind, kind.scheme)
    }
    const owners = old?.metadata.managedFields
    const kept = owners !== undefined && (patched as Partial<KubeObject>).metadata?.managedFields === owners
    const own = clone(kept ? withoutOwners(patched as KubeObject) : patched)
    const decoded = decodeValue(kind.schema ?? schemas.schemaOf(kind.message), own, described !== undefined)
    if (kept) (decoded.object as unknown as KubeObject).metadata.managedFields = owners
    else if (forgetsOwners(patched)) (decoded.object as unknown as KubeObject).metadata.managedFields = []
    const isStrange = kind.schema !== undefined && isAnotherKind(saidKind(patched, kind), kind)
    const found = isStrange ? [] : findingsOf(decoded, kind, patched, described !== undefined)
    const strictErrors = [...findings, ...found]
    if (strictErrors.length > 0) {
      if (validation === 'Strict') throw new DecodeError(strictDecodingMessage(strictErrors))
      if (validation === 'Warn') for (const each of strictErrors) if (!warnings.includes(each)) warnings.push(each)
    }
    if (kind.schema !== undefined && staysWhatItIs) {
      checkGroupVersion(saidKind(patched, kind).apiVersion)
      Object.assign(decoded.object, { apiVersion: kind.apiVersion, kind: kind.kind })
    } else if (kind.schema !== undefined) checkIdentity(saidKind(patched, kind), kind, patched as Partial<KubeObject>)
    return decoded.object as unknown as KubeObject
  } catch (error) {
    if (!(error instanceof DecodeError || error instanceof JsonSyntaxError)) throw error
    throw invalidError({ group: '', resource: '' }, [
      invalid(
        'patch',
        described?.() ?? quotedPatch(patched, old, kind.schema ? undefined : kind.message, given),
        error.message,
      ),
    ])
  }
}

/** A patched custom object still has to say what it is. Throws DecodeError, and StatusError 500 as upstream's converter fails. */
function checkSaysKind(patched: unknown): void {
  const { apiVersion, kind } = patched as { apiVersion?: unknown; kind?: unknown }
  if (kind === undefined || kind === null || kind === '') {
    throw new DecodeError(`Object 'Kind' is missing in '${escaped(encodeJson(withSortedKeys(patched)))}'`)
  }
  if (apiVersion === null)
    throw new DecodeError('.apiVersion accessor error: <nil> is of the type <nil>, expected string')
  if (saidVersion(patched) === '') {
    throw internalError("Object 'apiVersion' is missing in 'object has no apiVersion field'")
  }
}

/**
 * A patched object without a version is read as one of upstream's own, internal, version, whose fields have other names: none of what
 * it says is known, its name neither. Throws DecodeError where that is too much to be unknown.
 */
function readAsNothing(
  patched: unknown,
  findings: readonly string[],
  validation: FieldValidation,
  warnings: string[],
  old: KubeObject | undefined,
): StatusError {
  const fields = Object.keys(patched as object).filter(each => each !== 'apiVersion' && each !== 'kind')
  const strictErrors = [...findings, ...fields.sort().map(each => `unknown field ${goQuote(each)}`)]
  if (validation === 'Strict') throw new DecodeError(strictDecodingMessage(strictErrors))
  if (validation === 'Warn') for (const each of strictErrors) if (!warnings.includes(each)) warnings.push(each)
  return unnamedError(old?.metadata.name ?? '')
}

/** Whether a patched custom object says to be of another kind, whose fields nobody knows (schemaCoercingDecoder). */
const isAnotherKind = (said: { apiVersion: string; kind: string }, expected: PatchedKind): boolean =>
  said.kind !== expected.kind || said.apiVersion !== expected.apiVersion

/** A patched custom object has to be what it was (apiextensions pkg/registry/customresource/validator.go). Throws StatusError 422. */
function checkIdentity(
  said: { apiVersion: string; kind: string },
  expected: PatchedKind,
  { metadata }: Partial<KubeObject>,
): void {
  checkGroupVersion(said.apiVersion)
  const errors: FieldError[] = []
  for (const field of ['kind', 'apiVersion'] as const) {
    if (said[field] !== expected[field]) errors.push(invalid(field, said[field], `must be ${expected[field]}`))
  }
  if (errors.length === 0) return
  const { group } = parseApiVersion(said.apiVersion)
  throw invalidError({ group, resource: said.kind, name: metadata?.name ?? '' }, errors)
}

/** The version that a patched object says; undefined where that is no text. Go reads a lone slash as nothing. */
function saidVersion(patched: unknown): string | undefined {
  const { apiVersion } = patched as { apiVersion?: unknown }
  if (apiVersion === undefined || apiVersion === null || apiVersion === '/') return ''
  return typeof apiVersion === 'string' ? apiVersion : undefined
}

/** What a patched object says that it is; a patch may have made it another. Values that are no texts are found when it is read. */
function saidKind(patched: unknown, expected: PatchedKind): { apiVersion: string; kind: string } {
  const { apiVersion, kind } = patched as { apiVersion?: unknown; kind?: unknown }
  const textOf = (value: unknown, usual: string): string => (typeof value === 'string' && value !== '' ? value : usual)
  return { apiVersion: textOf(apiVersion, expected.apiVersion), kind: textOf(kind, expected.kind) }
}

/** What is unknown in a patched object, in the order of upstream, where it has been through a map. */
function findingsOf(decoded: Decoded, kind: PatchedKind, patched: unknown, converted: boolean): readonly string[] {
  if (kind.schema !== undefined) return customUnknownFields(kind.schema, decoded.unknownFields)
  if (converted || decoded.strictErrors.length < 2) return decoded.strictErrors
  return decodeValue(schemas.schemaOf(kind.message), withSortedKeys(patched)).strictErrors
}

/** Whether a list of owners with nothing in it asks to forget them all; decoding leaves out empty lists. */
export function forgetsOwners(object: unknown): boolean {
  const owners = (object as Partial<KubeObject> | null)?.metadata?.managedFields
  return Array.isArray(owners) && owners.length === 0
}

/** Without the part of a stored object that is the largest, in many cases. */
export function withoutOwners(object: KubeObject): Readonly<Record<string, unknown>> {
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}
