/**
 * Whether a schema is structural: every field is described once, with its type, outside of the junctors
 * (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/validation.go and complete.go, KEP-1152).
 */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { deepEqual, type FieldError, fieldErrorText, forbidden, invalid, required } from '@canopus/apimachinery'
import { patternProblem } from './patterns.ts'

type Level = 'root' | 'item' | 'field'
type Errors = FieldError[]

const INT_OR_STRING: readonly JSONSchemaProps[] = [{ type: 'integer' }, { type: 'string' }]

const MISSING_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
}

/** Everything that keeps the schema from being structural, sorted by text. */
export function validateStructural(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: Errors = []
  checkInvariants(errors, schema, 'root', path)
  checkComplete(errors, schema, schema, path, path)
  return errors.sort((a, b) => (fieldErrorText(a) < fieldErrorText(b) ? -1 : 1))
}

/** `properties[name]` below a path. */
export const propertyPath = (path: string, name: string): string => `${path}.properties[${name}]`

export function itemsOf(schema: JSONSchemaProps): JSONSchemaProps | undefined {
  return Array.isArray(schema.items) ? undefined : schema.items
}

/** Whether a schema, or one anywhere below it, is such a one. */
export function someSchema(schema: JSONSchemaProps, is: (schema: JSONSchemaProps) => boolean): boolean {
  if (is(schema)) return true
  const { properties, additionalProperties } = schema
  if (properties !== undefined && Object.values(properties).some(each => someSchema(each, is))) return true
  if (typeof additionalProperties === 'object' && someSchema(additionalProperties, is)) return true
  const items = itemsOf(schema)
  return items !== undefined && someSchema(items, is)
}

function checkInvariants(errors: Errors, schema: JSONSchemaProps, level: Level, path: string): void {
  const items = itemsOf(schema)
  const { type, properties = {}, additionalProperties } = schema
  const embedded = schema['x-kubernetes-embedded-resource'] === true
  if (type === 'array' && schema.items === undefined) errors.push(required(`${path}.items`, 'must be specified'))
  if (items !== undefined) checkInvariants(errors, items, 'item', `${path}.items`)
  for (const [name, each] of Object.entries(properties))
    checkInvariants(errors, each, 'field', propertyPath(path, name))
  if (additionalProperties !== undefined) {
    const at = `${path}.additionalProperties`
    if (level === 'root') errors.push(forbidden(at, 'must not be used at the root'))
    if (typeof additionalProperties === 'object') checkInvariants(errors, additionalProperties, 'field', at)
    if (embedded) errors.push(forbidden(at, 'must not be used if x-kubernetes-embedded-resource is set'))
  }
  checkIntOrString(errors, schema, path)
  checkValidation(errors, schema, path, deepEqual(schema.anyOf, INT_OR_STRING), isIntOrStringFirst(schema))
  checkTypeOf(errors, schema, level, path)
  checkMeta(errors, schema, level, path)
  if (embedded && schema['x-kubernetes-preserve-unknown-fields'] !== true && Object.keys(properties).length === 0) {
    const text =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields'
    errors.push(required(`${path}.properties`, text))
  }
}

const isIntOrStringFirst = ({ allOf }: JSONSchemaProps): boolean => deepEqual(allOf?.[0]?.anyOf, INT_OR_STRING)

function checkIntOrString(errors: Errors, schema: JSONSchemaProps, path: string): void {
  if (schema['x-kubernetes-int-or-string'] !== true) return
  for (const name of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const) {
    if (schema[name] !== true) continue
    errors.push(invalid(`${path}.${name}`, true, 'must be false if x-kubernetes-int-or-string is true'))
  }
}

function checkTypeOf(errors: Errors, schema: JSONSchemaProps, level: Level, path: string): void {
  const at = `${path}.type`
  const { type } = schema
  if (schema['x-kubernetes-embedded-resource'] === true && type !== 'object') {
    const text = 'must be object if x-kubernetes-embedded-resource is true'
    errors.push(type ? invalid(at, type, text) : required(at, text))
  } else if (
    !type &&
    schema['x-kubernetes-int-or-string'] !== true &&
    schema['x-kubernetes-preserve-unknown-fields'] !== true
  ) {
    errors.push(required(at, MISSING_TYPE[level]))
  }
  if (level === 'root' && type && type !== 'object') errors.push(invalid(at, type, 'must be object at the root'))
}

/** What an object's own apiVersion, kind and metadata may be said to be. */
function checkMeta(errors: Errors, schema: JSONSchemaProps, level: Level, path: string): void {
  const { properties } = schema
  const checks = level === 'root' || schema['x-kubernetes-embedded-resource'] === true
  if (properties === undefined || !checks) return
  for (const name of ['kind', 'apiVersion']) {
    const type = properties[name]?.type ?? ''
    if (properties[name] !== undefined && type !== 'string') {
      errors.push(invalid(`${propertyPath(path, name)}.type`, type, 'must be string'))
    }
  }
  const { metadata } = properties
  if (metadata === undefined) return
  const at = propertyPath(path, 'metadata')
  if (metadata.type !== 'object') errors.push(invalid(`${at}.type`, metadata.type ?? '', 'must be object'))
  if (level !== 'root') return
  const { type: _, default: __, properties: own = {}, ...rest } = metadata
  const others = Object.keys(own).filter(name => name !== 'name' && name !== 'generateName')
  if (others.length > 0 || Object.keys(rest).length > 0) {
    const text = 'must not specify anything other than name and generateName, but metadata is implicitly specified'
    errors.push(forbidden(at, text))
  }
}

function checkValidation(
  errors: Errors,
  schema: JSONSchemaProps,
  path: string,
  skipAnyOf: boolean,
  skipFirstAllOf: boolean,
): void {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema
  if (!skipAnyOf) for (const [index, each] of anyOf.entries()) checkNested(errors, each, `${path}.anyOf[${index}]`)
  for (const [index, each] of allOf.entries()) {
    checkNested(errors, each, `${path}.allOf[${index}]`, skipFirstAllOf && index === 0)
  }
  for (const [index, each] of oneOf.entries()) checkNested(errors, each, `${path}.oneOf[${index}]`)
  if (not !== undefined) checkNested(errors, not, `${path}.not`)
  const problem = pattern ? patternProblem(pattern) : undefined
  if (problem !== undefined) {
    errors.push(invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${problem}`))
  }
}

/** What schemas in a junctor may not say, and in which words. */
const ONLY_OUTSIDE: readonly (readonly [keyof JSONSchemaProps, 'empty' | 'undefined' | 'false'])[] = [
  ['type', 'empty'],
  ['additionalProperties', 'undefined'],
  ['default', 'undefined'],
  ['title', 'empty'],
  ['description', 'empty'],
  ['nullable', 'false'],
  ['x-kubernetes-preserve-unknown-fields', 'false'],
  ['x-kubernetes-embedded-resource', 'false'],
  ['x-kubernetes-int-or-string', 'false'],
  ['x-kubernetes-list-map-keys', 'empty'],
  ['x-kubernetes-list-type', 'undefined'],
  ['x-kubernetes-map-type', 'undefined'],
  ['x-kubernetes-validations', 'empty'],
]

function checkNested(errors: Errors, schema: JSONSchemaProps, path: string, skipAnyOf = false): void {
  checkValidation(errors, schema, path, skipAnyOf, false)
  const items = itemsOf(schema)
  if (items !== undefined) checkNested(errors, items, `${path}.items`)
  const { properties = {} } = schema
  for (const [name, each] of Object.entries(properties)) checkNested(errors, each, propertyPath(path, name))
  for (const [name, state] of ONLY_OUTSIDE) {
    const value = schema[name]
    const absent = state === 'undefined' ? value === undefined : isEmpty(value)
    if (!absent) errors.push(forbidden(`${path}.${name}`, `must be ${state} to be structural`))
  }
  if (properties.metadata !== undefined) {
    errors.push(forbidden(propertyPath(path, 'metadata'), 'must not be specified in a nested context'))
  }
}

const isEmpty = (value: unknown): boolean => !value || (Array.isArray(value) && value.length === 0)

/** What junctors speak of must be described outside of them. */
function checkComplete(
  errors: Errors,
  nested: JSONSchemaProps,
  schema: JSONSchemaProps,
  schemaPath: string,
  path: string,
): void {
  if (nested.not !== undefined) checkDescribed(errors, nested.not, schema, schemaPath, `${path}.not`)
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [index, each] of (nested[junctor] ?? []).entries()) {
      checkDescribed(errors, each, schema, schemaPath, `${path}.${junctor}[${index}]`)
    }
  }
}

function checkDescribed(
  errors: Errors,
  nested: JSONSchemaProps,
  schema: JSONSchemaProps,
  schemaPath: string,
  path: string,
): void {
  checkComplete(errors, nested, schema, schemaPath, path)
  const nestedItems = itemsOf(nested)
  const items = itemsOf(schema)
  if (nestedItems !== undefined) {
    if (items !== undefined) checkDescribed(errors, nestedItems, items, `${schemaPath}.items`, `${path}.items`)
    else errors.push(required(`${schemaPath}.items`, `because it is defined in ${path}.items`))
  }
  for (const [name, each] of Object.entries(nested.properties ?? {})) {
    const described = schema.properties?.[name]
    const [at, from] = [propertyPath(schemaPath, name), propertyPath(path, name)]
    if (described !== undefined) checkDescribed(errors, each, described, at, from)
    else errors.push(required(at, `because it is defined in ${from}`))
  }
}
