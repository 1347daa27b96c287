import { keptDepth, SHALLOW_DEPTH } from '../json/depth.ts'
import { type Duplicate, readExactJson, setOwn, withoutLiterals } from '../json/exact-reader.ts'
import { isExactObject } from '../json/json-object.ts'
import { surveyJson } from '../json/survey.ts'
import { JsonSyntaxError, YamlSyntaxError } from '../json/syntax-error.ts'
import { decodeClean, UNCLEAN } from './decode-clean.ts'
import { conversionErrorText, DecodeError, EmbeddedError, pathText, type Step, typeErrorText } from './decode-error.ts'
import { duration, integer, jsonKind, quantity, scalar, time, WrongType, WrongValue } from './decode-scalars.ts'
import { fillKind, isOmitted, sortedByKey, without, ZERO_TIME, zeroOf } from './decoded-values.ts'
import {
  EMPTIED,
  type Field,
  type ListSchema,
  type MapSchema,
  type Schema,
  type SpecialSchema,
  type StructSchema,
} from './schema.ts'

// A mark of the byte order is no JSON.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

export interface Decoded {
  /** The object: only fields of the schema, in canonical form. It belongs to the caller. */
  object: Record<string, unknown>
  /** `unknown field "spec.foo"` and `duplicate field "spec.x"`, in the order found, each once, at most 100. */
  strictErrors: string[]
  /** Paths of fields that the schema does not know and that were dropped. */
  unknownFields: string[]
  /** Paths of fields given more than once; the last value was kept. */
  duplicateFields: string[]
}

/** Which schema an object has, by what it says itself (empty where it says nothing). May throw. */
export type SchemaChoice = StructSchema | ((apiVersion: string, kind: string) => StructSchema)

/**
 * Reads a JSON object of a kind. One walk checks types, drops what the schema does not know, nulls and the zero values that
 * upstream omits, and brings quantities, times, durations and base64 into their canonical form; `metadata` and `spec` of kinds
 * are always there. Integers beyond 2^53 become bigints (see `encodeJson`).
 *
 * Throws JsonSyntaxError where the text is not JSON and DecodeError where a value has the wrong type, both with the message
 * of upstream's decoder (sigs.k8s.io/json); `decodeFailure` words the answer.
 */
export function decodeObject(schema: SchemaChoice, text: string | Uint8Array): Decoded {
  const json = typeof text === 'string' ? text : utf8.decode(text)
  const survey = surveyJson(json)
  if (survey.deepest > SHALLOW_DEPTH) return decodeDeep(schema, json)
  if (survey.plain) {
    const clean = cleanRoot(schema, parsePlain(json), survey.members)
    if (clean !== undefined) return clean
    const parsed = parsePlain(json)
    if (parsed !== undefined) {
      const walk = new Walk(undefined)
      const decoded = walk.root(schema, parsed)
      if (walk.members === survey.members) return decoded
    }
  }
  const exact = readExactJson(json)
  return new Walk(exact.duplicates).root(schema, exact.value)
}

/** What is too deep to be kept may be known to be dropped only when all has been looked at. */
function decodeDeep(schema: SchemaChoice, json: string): Decoded {
  const { value, duplicates } = readExactJson(json)
  const tooDeep = new JsonSyntaxError("invalid character '{' exceeded max depth")
  let decoded: Decoded
  try {
    decoded = new Walk(duplicates).root(schema, value)
  } catch (error) {
    throw error instanceof RangeError ? tooDeep : error
  }
  if (isDeeper(decoded.object, keptDepth())) throw tooDeep
  return decoded
}

/** Whether a value nests deeper than that, found level by level. */
function isDeeper(value: unknown, most: number): boolean {
  let level: object[] = typeof value === 'object' && value !== null ? [value] : []
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === most) return true
    const inner = level.flatMap(each => Object.values(each) as unknown[])
    level = inner.filter(each => typeof each === 'object' && each !== null)
  }
  return false
}

/**
 * The same for a value that was parsed elsewhere, without NumberLiterals. It is changed in place and must not be used after.
 * `converting`: what does not fit is said as upstream's converter says it, which strategic merge patches go through, not as its
 * JSON decoder does (k8s.io/apimachinery/pkg/runtime/converter.go).
 */
export function decodeValue(schema: SchemaChoice, value: unknown, options: boolean | DecodeOptions = false): Decoded {
  const { converting = false, keepsNulls = false } = typeof options === 'boolean' ? { converting: options } : options
  // What the quick walk has changed before it met a fault has the same faults still.
  const clean = keepsNulls ? undefined : cleanRoot(schema, value, undefined, converting)
  return clean ?? new Walk(new Map(), converting, keepsNulls).root(schema, value)
}

export interface DecodeOptions {
  readonly converting?: boolean
  /** Custom resources: nulls stay where they are, right or wrong, unless there is a default. */
  readonly keepsNulls?: boolean
}

/** Undefined where the exact reader has to say what is wrong. */
function parsePlain(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Nothing where somebody has to look closer: at what is no object, at duplicate fields, at whatever is to be told. */
function cleanRoot(
  choice: SchemaChoice,
  value: unknown,
  expected: number | undefined,
  converting = false,
): Decoded | undefined {
  if (value === undefined || value === null) return undefined
  if (!converting || !isExactObject(value)) checkTypeMeta(value)
  const schema = typeof choice === 'function' ? choice(textOf(value.apiVersion), textOf(value.kind)) : choice
  const { object, members } = decodeClean(schema, value)
  if (object === UNCLEAN || (expected !== undefined && members !== expected)) return undefined
  return { object: object as JsonObject, strictErrors: [], unknownFields: [], duplicateFields: [] }
}

type JsonObject = Record<string, unknown>
const MOST_STRICT_ERRORS = 100

/** Stands for a value that is to be dropped. */
const DROP = undefined

class Walk {
  /** Members of all objects seen; meaningless in exact mode. */
  members = 0
  private readonly duplicates: ReadonlyMap<object, readonly Duplicate[]> | undefined
  private readonly steps: Step[] = []
  private firstError: DecodeError | undefined
  private readonly strict = new Set<string>()
  private readonly unknown: string[] = []
  private readonly repeated: string[] = []
  /** Below schemas of schemas upstream does not look for unknown fields. */
  private lenient = 0

  private readonly converting: boolean
  private readonly keepsNulls: boolean

  /** `duplicates` is given for values that may hold NumberLiterals (exact mode), else undefined. */
  constructor(
    duplicates: ReadonlyMap<object, readonly Duplicate[]> | undefined,
    converting = false,
    keepsNulls = false,
  ) {
    this.duplicates = duplicates
    this.converting = converting
    this.keepsNulls = keepsNulls
  }

  root(choice: SchemaChoice, value: unknown): Decoded {
    if (value === null) return this.root(choice, {})
    // The converter knows beforehand what it makes of a map.
    if (!this.converting || !isExactObject(value)) checkTypeMeta(value)
    const schema = typeof choice === 'function' ? choice(textOf(value.apiVersion), textOf(value.kind)) : choice
    const object = this.struct(schema, value) as JsonObject
    if (this.firstError !== undefined) throw this.firstError
    return {
      object,
      strictErrors: [...this.strict],
      unknownFields: this.unknown,
      duplicateFields: this.repeated,
    }
  }

  private value(schema: Schema, value: unknown): unknown {
    switch (schema.type) {
      case 'struct':
        return this.struct(schema, value)
      case 'list':
        return this.list(schema, value)
      case 'map':
        return this.map(schema, value)
      case 'string':
        return typeof value === 'string' ? value : this.wrongType(schema, value)
      case 'bool':
      case 'int32':
      case 'int64':
      case 'uint32':
      case 'uint64':
      case 'double':
      case 'bytes': {
        if (schema.goType === '') return this.untyped(value)
        const result = scalar(schema.type, value)
        if (result instanceof WrongType) return this.wrongType(schema, value, result.found)
        return result instanceof WrongValue ? this.wrongValue(result) : result
      }
      default:
        return this.special(schema, value)
    }
  }

  /** Custom resources leave wrong types to validation. */
  private wrongType(schema: Schema, value: unknown, found = jsonKind(value)): unknown {
    if (schema.goType === '') return this.untyped(value)
    if (this.converting) throw new DecodeError(conversionErrorText(value, schema))
    return this.remember(new DecodeError(typeErrorText(found, schema.goType, this.steps)))
  }

  private wrongValue({ message }: WrongValue): unknown {
    // Upstream's converter hands bytes to the JSON decoder, one value by itself (runtime/converter.go, sliceFromUnstructured).
    if (this.converting) throw new DecodeError(`error decoding from json: ${message}`)
    return this.remember(new DecodeError(message))
  }

  /** Go goes on after most errors and reports the first one in the end. */
  private remember(error: DecodeError): undefined {
    this.firstError ??= error
    return DROP
  }

  /** Types that decode themselves in Go end the decoding with their error, whatever was wrong before. */
  private fail(found: string, goType: string): never {
    throw new DecodeError(typeErrorText(found, goType, this.converting ? [] : this.steps))
  }

  private struct(schema: StructSchema, value: unknown): unknown {
    if (!isExactObject(value)) return this.notStruct(schema, value)
    const { fields } = schema
    const duplicates = this.duplicates?.get(value)
    let dropped: string[] | undefined
    let seen = 0
    for (const key in value) {
      this.members++
      if (duplicates !== undefined) this.reportDuplicates(schema, duplicates, seen++)
      const field = fields.get(key)
      const child = value[key]
      const next = field === undefined ? this.unknownField(schema, key, child) : this.field(schema, field, child)
      if (next === DROP) {
        dropped ??= []
        dropped.push(key)
      } else if (next !== child) setOwn(value, key, next)
    }
    if (duplicates !== undefined) this.reportDuplicates(schema, duplicates, seen)
    const object = dropped === undefined ? value : without(schema, value, dropped)
    if (schema.isKind && schema.embeddedResource !== true) fillKind(schema, object)
    return object
  }

  private notStruct(schema: StructSchema, value: unknown): unknown {
    return schema.preserveUnknown ? this.any(value) : this.wrongType(schema, value)
  }

  /** What custom resources have where something else should be: no schema speaks of what it holds. */
  private untyped(value: unknown): unknown {
    if (Array.isArray(value)) return this.list({ type: 'list', items: EMPTIED, mapKeys: [], goType: '' }, value)
    return isExactObject(value) ? this.struct(EMPTIED, value) : this.any(value)
  }

  private unknownField(schema: StructSchema, key: string, child: unknown): unknown {
    if (schema.preserveUnknown) return this.any(child)
    if (schema.additional !== undefined) return child === null ? null : this.below(key, schema.additional, child)
    if (this.duplicates === undefined) this.countMembers(child)
    if (this.lenient === 0) this.report('unknown field', key, this.unknown)
    return DROP
  }

  private below(step: Step, schema: Schema, child: unknown): unknown {
    this.steps.push(step)
    const next = this.value(schema, child)
    this.steps.pop()
    return next
  }

  private field(schema: StructSchema, field: Field, child: unknown): unknown {
    if (child === null) return field.schema.nullable || this.keepsNull(field) ? null : DROP
    this.steps.push({ struct: schema, field })
    const typed = schema.embeddedResource === true && field.schema.goType !== ''
    const next = typed ? this.partOfEmbedded(field.schema, child) : this.value(field.schema, child)
    this.steps.pop()
    return isOmitted(field, next) ? DROP : next
  }

  private keepsNull({ schema, default: preset }: Field): boolean {
    return this.keepsNulls && schema.goType === '' && preset === undefined
  }

  /** apiVersion, kind and metadata of an object within a custom one: each is decoded by itself, and an error names all of it. */
  private partOfEmbedded(schema: Schema, value: unknown): unknown {
    const { firstError, steps } = this
    const depth = steps.length
    this.firstError = undefined
    let next: unknown
    let wrong: DecodeError | undefined
    try {
      next = this.value(schema, value)
      wrong = this.firstError
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      wrong = error
      steps.length = depth
    }
    this.firstError = firstError
    if (wrong === undefined) return next
    return this.remember(new EmbeddedError(steps, withoutLiterals(value), wrong))
  }

  private list(schema: ListSchema, value: unknown): unknown {
    if (!Array.isArray(value)) return this.wrongType(schema, value)
    const { items } = schema
    for (let index = 0; index < value.length; index++) {
      const child: unknown = value[index]
      if (child === null) {
        if (items.goType !== '') value[index] = zeroOf(items)
        continue
      }
      this.steps.push(index)
      const next = this.value(items, child)
      this.steps.pop()
      if (next !== child) value[index] = next
    }
    return value
  }

  private map(schema: MapSchema, value: unknown): unknown {
    if (!isExactObject(value)) return this.wrongType(schema, value)
    const { values } = schema
    const duplicates = this.duplicates?.get(value)
    let seen = 0
    let before = ''
    let isSorted = true
    for (const key in value) {
      this.members++
      if (key < before) isSorted = false
      before = key
      if (duplicates !== undefined) this.reportDuplicates(schema, duplicates, seen++)
      const child = value[key]
      if (child === null) {
        if (values.goType !== '') setOwn(value, key, zeroOf(values))
        continue
      }
      this.steps.push(key)
      const next = this.value(values, child)
      this.steps.pop()
      if (next !== child) setOwn(value, key, next)
    }
    if (duplicates !== undefined) this.reportDuplicates(schema, duplicates, seen)
    return isSorted ? value : sortedByKey(value)
  }

  /** Go's zero time is no time. */
  private time(schema: SpecialSchema, value: string): unknown {
    const text = time(value, schema.type === 'microTime')
    return text.startsWith(ZERO_TIME) ? DROP : text
  }

  private special(schema: SpecialSchema, value: unknown): unknown {
    switch (schema.type) {
      case 'any':
        return this.any(value)
      case 'quantity':
        return quantity(value)
      case 'time':
      case 'microTime':
        return typeof value === 'string' ? this.time(schema, value) : this.fail(jsonKind(value), 'string')
      case 'duration':
        return typeof value === 'string' ? duration(value) : this.fail(jsonKind(value), 'string')
      case 'intOrString': {
        if (typeof value === 'string') return value
        if (schema.goType === '') return this.untyped(value)
        const result = integer('int32', value)
        return result instanceof WrongType ? this.fail(result.found, 'int32') : result
      }
      default:
        return this.jsonSchema(schema, value)
    }
  }

  private any(value: unknown): unknown {
    if (this.duplicates !== undefined) return withoutLiterals(value)
    this.countMembers(value)
    return value
  }

  /** The either-or types of JSON schemas; their own decoders upstream are not strict. */
  private jsonSchema(schema: SpecialSchema, value: unknown): unknown {
    if (schema.type === 'schemaOrBool' && typeof value === 'boolean') return value
    this.lenient++
    try {
      if (Array.isArray(value) && schema.type !== 'schemaOrBool') {
        return value.map((each: unknown) => {
          if (schema.type === 'schemaOrList') return this.struct(schema.struct!, each)
          return typeof each === 'string' ? each : this.fail(jsonKind(each), 'string')
        })
      }
      if (isExactObject(value)) return this.struct(schema.struct!, value)
    } finally {
      this.lenient--
    }
    if (schema.type === 'schemaOrBool') throw new DecodeError('boolean or JSON schema expected')
    return DROP
  }

  /** Those found when `seen` fields had been read: findings come in the order of the text. */
  private reportDuplicates(schema: StructSchema | MapSchema, all: readonly Duplicate[], seen: number): void {
    for (const { name, after } of all) {
      if (after !== seen || (schema.type !== 'map' && !schema.fields.has(name))) continue
      this.report('duplicate field', name, this.repeated)
    }
  }

  private report(what: string, key: string, into: string[]): void {
    const path = pathText(this.steps, key)
    const text = `${what} ${JSON.stringify(path)}`
    if (this.strict.has(text) || this.strict.size >= MOST_STRICT_ERRORS) return
    this.strict.add(text)
    into.push(path)
  }

  private countMembers(value: unknown): void {
    if (typeof value !== 'object' || value === null) return
    if (Array.isArray(value)) for (const each of value) this.countMembers(each)
    else
      for (const key in value) {
        this.members++
        this.countMembers((value as JsonObject)[key])
      }
  }
}

/** Upstream reads apiVersion and kind first, by themselves. Throws DecodeError with its message. */
function checkTypeMeta(value: unknown): asserts value is JsonObject {
  const fail = (found: unknown, where: string): never => {
    throw new DecodeError(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonKind(found)} into Go ${where}`,
    )
  }
  if (!isExactObject(value)) {
    const fields = String.raw`APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\""`
    fail(value, `value of type struct { ${fields} }`)
  } else
    for (const name of ['apiVersion', 'kind']) {
      const found = value[name]
      if (found !== undefined && found !== null && typeof found !== 'string')
        fail(found, `struct field .${name} of type string`)
    }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/**
 * The message of the 400 that a failed decoding is answered with. `kind` is what the body says it is (as far as it says), `expected` the
 * kind of the endpoint. Behaviour: transformDecodeError of k8s.io/apiserver's handlers.
 */
export function decodeFailure(
  error: Error,
  kind: { version: string; kind: string } | undefined,
  expected: string,
  body: Uint8Array,
): string {
  const message = decodingProblem(error)
  if (kind !== undefined && kind.kind !== '' && !(error instanceof JsonSyntaxError))
    return `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${expected}: ${message}`
  return `the object provided is unrecognized (must be of type ${expected}): ${message} (${summarize(body)})`
}

/** The same without the object that it is about, as it is said of options of requests. */
export const decodingProblem = (error: Error): string =>
  error instanceof JsonSyntaxError && !(error instanceof YamlSyntaxError)
    ? `couldn't get version/kind; json parse error: ${error.message}`
    : error.message

const SUMMARY_BYTES = 30

function summarize(body: Uint8Array): string {
  if (body.length === 0) return '<empty>'
  const head = body.subarray(0, SUMMARY_BYTES)
  const more = body.length > SUMMARY_BYTES ? ' ...' : ''
  if (body[0] === 0x7b) return utf8.decode(head) + more
  return [...head].map(byte => byte.toString(16).padStart(2, '0')).join('') + more
}

/** `strict decoding error: unknown field "spec.foo", ...`: the message for `fieldValidation=Strict`. */
export function strictDecodingMessage(strictErrors: readonly string[]): string {
  return `strict decoding error: ${strictErrors.join(', ')}`
}
