/**
 * Checks values by the schema of a definition, in the words of upstream's validator (k8s.io/kube-openapi/pkg/validation and
 * k8s.io/apiextensions-apiserver/pkg/apiserver/validation/validation.go). What did not change on an update is not held
 * against it (KEP-4008).
 */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import {
  deepEqual,
  type FieldError,
  invalid,
  isObject,
  NumberLiteral,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from '@canopus/apimachinery'
import { hasFormat } from './formats.ts'
import { correlate, isUnchanged, NOTHING } from './list-types.ts'
import { matchesPattern } from './patterns.ts'

/** All findings about a value; `old` is what stood in its place before the update. */
export function validateValue(
  schema: JSONSchemaProps,
  value: unknown,
  path: string,
  old: unknown = NOTHING,
): FieldError[] {
  if (old !== NOTHING && isUnchanged(schema, value, old)) return []
  const errors: FieldError[] = []
  if (value === null && schema.nullable === true) return errors
  const found = checkType(schema, value, path)
  if (found !== undefined) return [found]
  checkEnum(errors, schema, value, path)
  checkCombinations(errors, schema, value, path)
  if (typeof value === 'number' || typeof value === 'bigint') checkNumber(errors, schema, value, path)
  else if (typeof value === 'string') checkString(errors, schema, value, path)
  else if (Array.isArray(value)) checkList(errors, schema, value, path, old)
  else if (isObject(value)) checkObject(errors, schema, value, path, old)
  return errors
}

const inBody = (path: string, rest: string): string => `${path} in body ${rest}`

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'bigint') return 'integer'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return value instanceof NumberLiteral ? 'number' : typeof value
}

function checkType(schema: JSONSchemaProps, value: unknown, path: string): FieldError | undefined {
  const found = typeOf(value)
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (found === 'integer' || found === 'string') return undefined
    const text = inBody(path, `must be of type integer,string: ${JSON.stringify(found)}`)
    return typeInvalid(path, found, text)
  }
  const { type } = schema
  if (!type || type === found || (type === 'number' && found === 'integer')) return undefined
  return typeInvalid(path, found, inBody(path, `must be of type ${type}: ${JSON.stringify(found)}`))
}

function checkEnum(errors: FieldError[], schema: JSONSchemaProps, value: unknown, path: string): void {
  const allowed = schema.enum
  if (allowed === undefined || allowed.length === 0 || allowed.some(each => deepEqual(each, value))) return
  const texts = allowed.map(each => (typeof each === 'string' ? each : JSON.stringify(each)))
  errors.push(notSupported(path, value, texts))
}

function checkNumber(errors: FieldError[], schema: JSONSchemaProps, value: number | bigint, path: string): void {
  const add = (text: string): number => errors.push(invalid(path, value, inBody(path, text)))
  const { maximum, minimum, multipleOf, format } = schema
  if (format === 'int32' && schema.type === 'integer' && (value > 2147483647 || value < -2147483648)) {
    errors.push(invalid(path, value, 'Checked value must be of type integer with format int32'))
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) add(`should be a multiple of ${multipleOf}`)
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true) value >= maximum && add(`should be less than ${maximum}`)
    else if (value > maximum) add(`should be less than or equal to ${maximum}`)
  }
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true) value <= minimum && add(`should be greater than ${minimum}`)
    else if (value < minimum) add(`should be greater than or equal to ${minimum}`)
  }
}

function isMultiple(value: number | bigint, of: number): boolean {
  const quotient = Number(value) / of
  return Math.abs(quotient - Math.round(quotient)) < 1e-9
}

function checkString(errors: FieldError[], schema: JSONSchemaProps, value: string, path: string): void {
  const { maxLength, minLength, pattern, format } = schema
  const length = maxLength === undefined && minLength === undefined ? 0 : [...value].length
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength))
  if (minLength !== undefined && length < minLength) {
    errors.push(invalid(path, value, inBody(path, `should be at least ${minLength} chars long`)))
  }
  if (pattern && !matchesPattern(pattern, value)) {
    errors.push(invalid(path, value, inBody(path, `should match '${pattern}'`)))
  }
  if (format && !hasFormat(format, value)) {
    errors.push(typeInvalid(path, value, inBody(path, `must be of type ${format}: ${JSON.stringify(value)}`)))
  }
}

function checkList(
  errors: FieldError[],
  schema: JSONSchemaProps,
  value: readonly unknown[],
  path: string,
  old: unknown,
): void {
  const { maxItems, minItems, items } = schema
  if (minItems !== undefined && value.length < minItems) {
    errors.push(invalid(path, value.length, inBody(path, `should have at least ${minItems} items`)))
  }
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems))
  if (items !== undefined && !Array.isArray(items)) {
    const before = correlate(schema, old)
    for (const [index, each] of value.entries()) {
      errors.push(...validateValue(items, each, `${path}[${index}]`, before(each)))
    }
  }
}

const TYPE_META: readonly string[] = ['apiVersion', 'kind']

function checkObject(
  errors: FieldError[],
  schema: JSONSchemaProps,
  value: Record<string, unknown>,
  path: string,
  old: unknown,
): void {
  const { minProperties, maxProperties, properties, additionalProperties } = schema
  const names = Object.keys(value)
  if (minProperties !== undefined && names.length < minProperties) {
    const text = `should have at least ${minProperties} properties`
    errors.push(invalid(path, minProperties, inBody(path, text)))
  }
  if (maxProperties !== undefined && names.length > maxProperties) {
    errors.push(tooMany(path, names.length, maxProperties))
  }
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) errors.push(required(child(path, name)))
  }
  const before = isObject(old) ? old : undefined
  for (const name of names) {
    const own = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined
    const rule = own ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
    if (rule === undefined) continue
    // What an object says of its version is always the version of the request: a change of it does not show.
    const same = before !== undefined && Object.hasOwn(before, name) && !(path === '' && TYPE_META.includes(name))
    const previous = same ? before[name] : NOTHING
    errors.push(...validateValue(rule, value[name], child(path, name), previous))
  }
}

function checkCombinations(errors: FieldError[], schema: JSONSchemaProps, value: unknown, path: string): void {
  const { allOf, anyOf, oneOf, not } = schema
  const say = (text: string): number => errors.push(invalid('<nil>', '', `${JSON.stringify(path)} ${text}`))
  if (anyOf !== undefined && anyOf.length > 0) {
    const results = anyOf.map(each => validateValue(each, value, path))
    if (results.every(each => each.length > 0)) {
      say('must validate at least one schema (anyOf)')
      errors.push(...closest(results))
    }
  }
  if (oneOf !== undefined && oneOf.length > 0) {
    const results = oneOf.map(each => validateValue(each, value, path))
    const valid = results.filter(each => each.length === 0).length
    if (valid === 0) {
      say('must validate one and only one schema (oneOf). Found none valid')
      errors.push(...closest(results))
    } else if (valid > 1) say(`must validate one and only one schema (oneOf). Found ${valid} valid alternatives`)
  }
  if (allOf !== undefined && allOf.length > 0) {
    const results = allOf.map(each => validateValue(each, value, path))
    errors.push(...results.flat())
    const valid = results.filter(each => each.length === 0).length
    if (valid === 0) say('must validate all the schemas (allOf). None validated')
    else if (valid < allOf.length) say('must validate all the schemas (allOf)')
  }
  if (not !== undefined && validateValue(not, value, path).length === 0) say('must not validate the schema (not)')
}

/** Of several ways to fail the one that fails least. */
const closest = (results: readonly FieldError[][]): readonly FieldError[] =>
  results.reduce((best, each) => (each.length < best.length ? each : best))

const child = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)
