import { type FieldError, fieldErrorText, invalid } from '../field-error.ts'
import type { Field, Schema, StructSchema } from './schema.ts'

/** The value does not fit the kind. The message is Go's; the API server answers 400 with it. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DecodeError'
  }
}

/** A step of the way from the root to a value: a field of a struct, a key of a map, an index of a list. */
export type Step = { struct: StructSchema; field: Field } | string | number

/** `spec.containers[0].image`: how strict findings name a field. */
export function pathText(steps: readonly Step[], last?: string): string {
  let text = ''
  for (const step of last === undefined ? steps : [...steps, last]) {
    if (typeof step === 'number') text += `[${step}]`
    else text += `${text === '' ? '' : '.'}${typeof step === 'string' ? step : step.field.name}`
  }
  return text
}

/**
 * The message of Go's json.UnmarshalTypeError: names struct fields only (embedded structs, too), no keys and no indices. What is within
 * custom resources is decoded by itself: the way to it is not named.
 */
export function typeErrorText(found: string, goType: string, steps: readonly Step[]): string {
  const fields = steps.filter(step => typeof step === 'object' && step.struct.goType !== '') as Exclude<
    Step,
    string | number
  >[]
  const innermost = fields.at(-1)
  if (innermost === undefined) return `json: cannot unmarshal ${found} into Go value of type ${goType}`
  const struct = innermost.struct.goType.slice(innermost.struct.goType.lastIndexOf('.') + 1)
  const path = fields
    .map(({ field }) => (field.embeddedIn === undefined ? field.name : `${field.embeddedIn}.${field.name}`))
    .join('.')
  return `json: cannot unmarshal ${found} into Go struct field ${struct}.${path} of type ${goType}`
}

/** What is wrong with the apiVersion, kind or metadata of an object within a custom one (objectmeta/coerce.go). */
export class EmbeddedError extends DecodeError {
  readonly finding: FieldError

  /** `steps` lead to the field, whose value is `value`; it could not be decoded because of `cause`. */
  constructor(steps: readonly Step[], value: unknown, cause: DecodeError) {
    const path = steps.reduce((text: string, step) => {
      if (typeof step !== 'object') return `${text}[${step}]`
      return text === '' ? step.field.name : `${text}.${step.field.name}`
    }, '')
    const finding = invalid(path, value, path.endsWith('metadata') ? cause.message : 'must be a string')
    super(fieldErrorText(finding))
    this.finding = finding
  }
}

/** What Go's reflection calls a value of parsed JSON. */
function reflectedKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice'
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'boolean':
      return 'bool'
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64'
    case 'bigint':
      return 'int64'
    default:
      return 'map'
  }
}

const GO_KINDS: Readonly<Record<string, string>> = { double: 'float64' }

/** Why upstream's converter from maps to structs refuses a value: by what Go could convert, without a path. */
export function conversionErrorText(value: unknown, schema: Schema): string {
  const found = reflectedKind(value)
  switch (schema.type) {
    case 'struct':
      return `cannot restore struct from: ${found}`
    case 'map':
      return `cannot restore map from ${found}`
    case 'list':
    case 'bytes':
      return `cannot restore slice from ${found}`
    case 'string':
      return found === 'int64' ? `cannot convert int64 to ${schema.goType}` : 'unrecognized type: string'
    default: {
      const wanted = GO_KINDS[schema.type] ?? schema.type
      const convertible = wanted !== 'bool' && (found === 'int64' || found === 'float64')
      return convertible ? `cannot convert ${found} to ${schema.goType}` : `unrecognized type: ${wanted}`
    }
  }
}
