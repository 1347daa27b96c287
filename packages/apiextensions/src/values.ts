/**
 * Checks values by the schema of a definition, in the words of upstream's validator (k8s.io/kube-openapi/pkg/validation and
 * k8s.io/apiextensions-apiserver/pkg/apiserver/validation/validation.go). What did not change on an update is not held
 * against it (KEP-4008).
 */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import {
  deepEqual,
  type FieldError,
  fieldErrorText,
  invalid,
  isObject,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from '@canopus/apimachinery'
import { hasFormat } from './formats.ts'
import { correlate, isUnchanged, NOTHING } from './list-types.ts'
import { matchesPattern } from './patterns.ts'
import { checkType, formatOf, isTyped } from './value-types.ts'

/** What was found, in the order of upstream's validators (`Result` of k8s.io/kube-openapi/pkg/validation/validate). */
interface Findings {
  readonly errors: FieldError[]
  /** How many groups of checks were made, one more for each type that is right: by this the nearest of several schemas is chosen. */
  matches: number
  /** Around each comparison with the old value. */
  readonly compare: (act: () => boolean) => boolean
}

const atOnce = (act: () => boolean): boolean => act()

/** All findings about a value; `old` is what stood in its place before the update, and `compare` does each comparison with it. */
export function validateValue(
  schema: JSONSchemaProps,
  value: unknown,
  path: string,
  old: unknown = NOTHING,
  compare = atOnce,
): FieldError[] {
  const findings: Findings = { errors: [], matches: 0, compare }
  checkValue(findings, schema, value, path, old)
  return findings.errors
}

function checkValue(findings: Findings, schema: JSONSchemaProps, value: unknown, path: string, old: unknown): void {
  if (old !== NOTHING && findings.compare(() => isUnchanged(schema, value, old))) return
  const { errors } = findings
  const before = errors.length
  const found = checkType(schema, value, path)
  if (found !== undefined) errors.push(found)
  if (value === null) {
    if (found === undefined) findings.matches++
    checkEnum(errors, schema, value, path)
    return
  }
  // One for the schema, and two for those of the checks below that every value goes through; combinations count one more themselves.
  findings.matches += 4 + (isTyped(schema) ? (found === undefined ? 2 : 1) : 0)
  const isCombined = checkCombinations(findings, schema, value, path)
  if (typeof value === 'number' || typeof value === 'bigint') checkNumber(findings, schema, value, path)
  else if (typeof value === 'string') checkString(findings, schema, value, path)
  else if (Array.isArray(value)) checkList(findings, schema, value, path, old)
  checkEnum(errors, schema, value, path)
  if (isObject(value)) checkObject(findings, schema, value, path, old)
  if (isCombined && errors.length > before + 1) errors.push(...distinct(errors.splice(before)))
}

/** What several schemas find in the same words is said once. */
function distinct(errors: readonly FieldError[]): FieldError[] {
  return [...new Map(errors.map(each => [fieldErrorText(each), each])).values()]
}

const inBody = (path: string, rest: string): string => `${path} in body ${rest}`

/** Null is never one of the values allowed, not even where it is listed. */
function checkEnum(errors: FieldError[], schema: JSONSchemaProps, value: unknown, path: string): void {
  const allowed = schema.enum
  if (allowed === undefined || allowed.length === 0 || allowed.some(each => each !== null && deepEqual(each, value)))
    return
  const texts = allowed.map(each => (typeof each === 'string' ? each : JSON.stringify(each)))
  errors.push(notSupported(path, value, texts))
}

function checkNumber(findings: Findings, schema: JSONSchemaProps, value: number | bigint, path: string): void {
  const { errors } = findings
  findings.matches += 2
  const { maximum, minimum, multipleOf, format } = schema
  const add = (text: string): number => errors.push(invalid(path, value, inBody(path, text)))
  const fits = (number: number | bigint, what: string): boolean => {
    if (isInRange(schema, number)) return true
    const of =
      schema.type === 'integer' && format !== 'int32' && format !== 'int64'
        ? '(default format)'
        : `with format ${format}`
    errors.push(invalid('<nil>', '', `${what} value must be of type ${schema.type} ${of} in ${path}`))
    return false
  }
  // Whole numbers are compared as such, so that what stands behind the point of a limit does not count.
  const limit = (number: number, what: string): number =>
    fits(number, what) && (typeof value === 'bigint' || Number.isInteger(value)) ? Math.trunc(number) : number
  fits(value, 'Checked')
  if (multipleOf !== undefined) {
    const factor = limit(multipleOf, 'MultipleOf')
    if (factor <= 0)
      errors.push(invalid(path, factor, `factor MultipleOf declared for ${path} must be positive: ${factor}`))
    else if (!isMultiple(value, factor)) add(`should be a multiple of ${factor}`)
  }
  if (maximum !== undefined) {
    const most = limit(maximum, 'Maximum boundary')
    if (schema.exclusiveMaximum === true) value >= most && add(`should be less than ${most}`)
    else if (value > most) add(`should be less than or equal to ${most}`)
  }
  if (minimum !== undefined) {
    const least = limit(minimum, 'Minimum boundary')
    if (schema.exclusiveMinimum === true) value <= least && add(`should be greater than ${least}`)
    else if (value < least) add(`should be greater than or equal to ${least}`)
  }
}

const MOST_FLOAT = 3.4028234663852886e38

/** Whether the number can be held in what its type and format say. */
function isInRange({ type, format }: JSONSchemaProps, number: number | bigint): boolean {
  if (type === 'number') return format !== 'float' || Math.abs(Number(number)) <= MOST_FLOAT
  if (type !== 'integer') return true
  if (format === 'int32') return Number(number) === (Number(number) | 0)
  return typeof number === 'bigint' || (Number.isInteger(number) && Math.abs(number) < 2 ** 63)
}

function isMultiple(value: number | bigint, of: number): boolean {
  const quotient = Number(value) / of
  return Math.abs(quotient - Math.round(quotient)) < 1e-9
}

/** Length and pattern are looked at until one is wrong, the format always. */
function checkString(findings: Findings, schema: JSONSchemaProps, value: string, path: string): void {
  const { errors } = findings
  const { maxLength, minLength, pattern } = schema
  const held = formatOf(schema)
  findings.matches += held === undefined ? 1 : 2
  const length = maxLength === undefined && minLength === undefined ? 0 : [...value].length
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength))
  else if (minLength !== undefined && length < minLength) {
    errors.push(invalid(path, value, inBody(path, `should be at least ${minLength} chars long`)))
  } else if (pattern && !matchesPattern(pattern, value)) {
    errors.push(invalid(path, value, inBody(path, `should match '${pattern}'`)))
  }
  if (held !== undefined && !hasFormat(held, value)) {
    errors.push(typeInvalid(path, value, inBody(path, `must be of type ${held}: ${JSON.stringify(value)}`)))
  }
}

function checkList(
  findings: Findings,
  schema: JSONSchemaProps,
  value: readonly unknown[],
  path: string,
  old: unknown,
): void {
  const { errors } = findings
  const { maxItems, minItems, items } = schema
  findings.matches += 2
  if (items !== undefined && !Array.isArray(items)) {
    const before = correlate(schema, old)
    for (const [index, each] of value.entries()) {
      checkValue(findings, items, each, `${path}[${index}]`, before(each))
    }
  }
  if (minItems !== undefined && value.length < minItems) {
    errors.push(invalid(path, value.length, inBody(path, `should have at least ${minItems} items`)))
  }
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems))
}

const TYPE_META: readonly string[] = ['apiVersion', 'kind']

function checkObject(
  findings: Findings,
  schema: JSONSchemaProps,
  value: Record<string, unknown>,
  path: string,
  old: unknown,
): void {
  const { errors } = findings
  const { minProperties, maxProperties } = schema
  findings.matches++
  const names = Object.keys(value)
  if (minProperties !== undefined && names.length < minProperties) {
    const text = `should have at least ${minProperties} properties`
    errors.push(invalid(path, names.length, inBody(path, text)))
  }
  if (maxProperties !== undefined && names.length > maxProperties) {
    errors.push(tooMany(path, names.length, maxProperties))
  }
  const before = isObject(old) ? old : undefined
  for (const name of names) {
    const rule = schemaOf(schema, name)
    if (rule === undefined) continue
    // What an object says of its version is always the version of the request: a change of it does not show.
    const same = before !== undefined && Object.hasOwn(before, name) && !(path === '' && TYPE_META.includes(name))
    const previous = same ? before[name] : NOTHING
    checkValue(findings, rule, value[name], isProperty(schema, name) ? child(path, name) : `${path}.${name}`, previous)
  }
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) errors.push(required(child(path, name)))
  }
}

const isProperty = ({ properties }: JSONSchemaProps, name: string): boolean =>
  properties !== undefined && Object.hasOwn(properties, name)

/** By what schema a field is checked, if any. */
function schemaOf(schema: JSONSchemaProps, name: string): JSONSchemaProps | undefined {
  if (isProperty(schema, name)) return schema.properties![name]
  const { additionalProperties } = schema
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}

/** Returns whether there was something to look at. */
function checkCombinations(findings: Findings, schema: JSONSchemaProps, value: unknown, path: string): boolean {
  const { allOf, anyOf, oneOf, not } = schema
  if (allOf === undefined && anyOf === undefined && oneOf === undefined && not === undefined) return false
  const say = (text: string): number => findings.errors.push(invalid('<nil>', '', `${JSON.stringify(path)} ${text}`))
  const look = (each: JSONSchemaProps): Findings => {
    const own: Findings = { errors: [], matches: 0, compare: findings.compare }
    checkValue(own, each, value, path, NOTHING)
    return own
  }
  if (anyOf !== undefined && anyOf.length > 0) {
    const results = anyOf.map(look)
    const first = results.find(holds)
    if (first === undefined) say('must validate at least one schema (anyOf)')
    add(findings, first ?? closest(results))
  }
  if (oneOf !== undefined && oneOf.length > 0) {
    const results = oneOf.map(look)
    const valid = results.filter(holds)
    if (valid.length !== 1) {
      const many = valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`
      say(`must validate one and only one schema (oneOf). ${many}`)
    }
    if (valid.length < 2) add(findings, valid[0] ?? closest(results))
  }
  if (allOf !== undefined && allOf.length > 0) {
    const results = allOf.map(look)
    for (const each of results) add(findings, each)
    if (!results.some(holds)) say('must validate all the schemas (allOf). None validated')
    else if (!results.every(holds)) say('must validate all the schemas (allOf)')
  }
  if (not !== undefined && holds(look(not))) say('must not validate the schema (not)')
  return true
}

const holds = ({ errors }: Findings): boolean => errors.length === 0

function add(to: Findings, more: Findings): void {
  to.errors.push(...more.errors)
  to.matches += more.matches
}

/** Of several ways to fail the one with the most checks; of several alike the first. */
const closest = (results: readonly Findings[]): Findings =>
  results.reduce((best, each) => (each.matches > best.matches ? each : best))

const child = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)
