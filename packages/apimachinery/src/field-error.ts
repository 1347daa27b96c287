import { goQuote } from './go-quote.ts'
import { encodeJson } from './json/stringify.ts'

/**
 * Validation findings, one per field, as upstream's `field.Error` words them
 * (k8s.io/apimachinery/pkg/util/validation/field/errors.go): the text lands in the Status message and its causes.
 */
export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError'
  | 'FieldValueTypeInvalid'

export interface FieldError {
  readonly type: FieldErrorType
  /** For example `spec.containers[0].name`; empty for the whole object. */
  readonly field: string
  /** What stands behind the field's name, for example `Required value` or `Invalid value: "X": must be ...`. */
  readonly body: string
}

/** `field: body`, the form in which a finding appears in messages. */
export function fieldErrorText(error: FieldError): string {
  return error.field === '' ? error.body : `${error.field}: ${error.body}`
}

const goEscape = (char: string): string => `\\u00${char.charCodeAt(0).toString(16)}`

function show(value: unknown): string {
  if (typeof value === 'string') return goQuote(value)
  // Go escapes what would mean something in HTML.
  return value === undefined ? 'null' : encodeJson(value).replace(/[<>&]/g, goEscape)
}
const withDetail = (head: string, detail: string): string => (detail === '' ? head : `${head}: ${detail}`)

export const required = (field: string, detail = ''): FieldError => ({
  type: 'FieldValueRequired',
  field,
  body: withDetail('Required value', detail),
})
export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  body: withDetail(`Invalid value: ${show(value)}`, detail),
})
/** Where the value would say nothing, or too much: upstream leaves it out. */
export const invalidOmitted = (field: string, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  body: withDetail('Invalid value', detail),
})
export const forbidden = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  body: withDetail('Forbidden', detail),
})
export const duplicate = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  body: `Duplicate value: ${show(value)}`,
})
export const notFound = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  body: `Not found: ${show(value)}`,
})
export const tooLong = (field: string, max: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  body: `Too long: ${max < 0 ? 'value is too long' : `may not be more than ${max} ${max === 1 ? 'byte' : 'bytes'}`}`,
})
export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  body: `Too many: ${actual}: ${max < 0 ? 'has too many items' : `must have at most ${max} ${max === 1 ? 'item' : 'items'}`}`,
})
export const typeInvalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueTypeInvalid',
  field,
  body: withDetail(`Invalid value: ${show(value)}`, detail),
})
export const internalFieldError = (field: string, detail: string): FieldError => ({
  type: 'InternalError',
  field,
  body: `Internal error: ${detail}`,
})

/** `supported` is listed in the order given; an empty list leaves the hint out. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const hint = supported.length > 0 ? `supported values: ${supported.map(each => JSON.stringify(each)).join(', ')}` : ''
  return { type: 'FieldValueNotSupported', field, body: withDetail(`Unsupported value: ${show(value)}`, hint) }
}

/** Texts of errors as Go prints an aggregate of them: each once, in brackets where there are several. */
export function aggregateText(texts: readonly string[]): string {
  const distinct = [...new Set(texts)]
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`
}
