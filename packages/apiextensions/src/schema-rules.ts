/**
 * What schemas of definitions may not hold besides being structural
 * (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go, specStandardValidatorV3).
 */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { type FieldError, forbidden, givenField, invalid, notSupported, required } from '@canopus/apimachinery'
import { checkRuleTexts } from './rules/index.ts'
import { itemsOf, propertyPath } from './structural.ts'

type Errors = FieldError[]

const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const
const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']

export const isKnownType = (type: string): boolean => TYPES.includes(type)

/** What is let through because it was so before. */
interface Allowed {
  readonly unknownTypes: boolean
  readonly nonAtomicSets: boolean
  readonly looseMapKeys: boolean
}

export function validateSchemaRules(schema: JSONSchemaProps, path: string, allowed: Allowed): FieldError[] {
  const errors: Errors = []
  walk(errors, schema, path, { allowed, isRoot: true, inMeta: false })
  return errors
}

/** Where in a schema we are. */
interface Place {
  readonly allowed: Allowed
  readonly isRoot: boolean
  /** In what describes the apiVersion, kind or metadata of a resource. */
  readonly inMeta: boolean
  /** Why there may be no default here. */
  readonly noDefaults?: string
}

const META = ['apiVersion', 'kind', 'metadata']

function walk(errors: Errors, schema: JSONSchemaProps, path: string, place: Place): void {
  checkSupported(errors, schema, path, place)
  const { properties = {}, additionalProperties, items } = schema
  const inner = { ...place, isRoot: false }
  if (typeof additionalProperties === 'object') {
    const below = { ...inner, noDefaults: 'inside additionalProperties applying to object metadata' }
    walk(errors, additionalProperties, `${path}.additionalProperties`, place.inMeta ? below : inner)
  }
  for (const [name, each] of Object.entries(properties)) {
    walk(errors, each, propertyPath(path, name), placeOfProperty(schema, name, place))
  }
  if (schema.not !== undefined) walk(errors, schema.not, `${path}.not`, inner)
  for (const junctor of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [index, each] of (schema[junctor] ?? []).entries())
      walk(errors, each, `${path}.${junctor}[${index}]`, inner)
  }
  for (const [name, each] of Object.entries(schema.definitions ?? {})) {
    walk(errors, each, `${path}.definitions[${name}]`, inner)
  }
  if (Array.isArray(items))
    for (const [index, each] of items.entries()) walk(errors, each, `${path}.items[${index}]`, inner)
  else if (items !== undefined) walk(errors, items as JSONSchemaProps, `${path}.items`, inner)
  for (const [name, each] of Object.entries(schema.dependencies ?? {})) {
    if (!Array.isArray(each)) walk(errors, each as JSONSchemaProps, `${path}.dependencies[${name}]`, inner)
  }
  const preserve = 'x-kubernetes-preserve-unknown-fields'
  if (schema[preserve] === false) errors.push(invalid(`${path}.${preserve}`, false, 'must be true or undefined'))
  checkMapType(errors, schema, path)
  checkListType(errors, schema, path, place.allowed)
  checkRuleTexts(errors, schema, path)
}

function placeOfProperty(schema: JSONSchemaProps, name: string, { isRoot, ...place }: Place): Place {
  const inner = { ...place, isRoot: false }
  if (!META.includes(name) || (!isRoot && schema['x-kubernetes-embedded-resource'] !== true)) return inner
  return isRoot ? { ...inner, inMeta: true, noDefaults: `in top-level ${name}` } : { ...inner, inMeta: true }
}

function checkSupported(errors: Errors, schema: JSONSchemaProps, path: string, place: Place): void {
  const { noDefaults, inMeta, allowed } = place
  if (schema.type && !isKnownType(schema.type) && !allowed.unknownTypes) {
    errors.push(notSupported(`${path}.type`, schema.type, TYPES))
  }
  if (noDefaults !== undefined && schema.default !== undefined) {
    errors.push(forbidden(`${path}.default`, `must not be set ${noDefaults}`))
  }
  for (const name of UNSUPPORTED) {
    const value = givenField(schema, name)
    const mayBeEmpty = name === 'patternProperties' || name === 'definitions'
    if (value === undefined || value === '' || (mayBeEmpty && Object.keys(value).length === 0)) continue
    errors.push(forbidden(`${path}.${name}`, `${name} is not supported`))
  }
  const { type, properties, additionalProperties } = schema
  if (type === 'null') {
    errors.push(forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'))
  }
  if (Array.isArray(schema.items)) {
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'))
  }
  const embedded = 'x-kubernetes-embedded-resource'
  if (inMeta && schema[embedded] === true) {
    errors.push(forbidden(`${path}.${embedded}`, 'must not be used inside of resource meta'))
  }
  if (schema.uniqueItems === true) {
    const text = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'
    errors.push(forbidden(`${path}.uniqueItems`, text))
  }
  if (additionalProperties !== undefined) {
    const at = `${path}.additionalProperties`
    // What allows everything says nothing more than its absence.
    if (additionalProperties !== true && Object.keys(properties ?? {}).length > 0) {
      errors.push(forbidden(at, 'additionalProperties and properties are mutual exclusive'))
    }
  }
}

function checkMapType(errors: Errors, schema: JSONSchemaProps, path: string): void {
  const map = schema['x-kubernetes-map-type']
  if (map === undefined) return
  if (map !== 'granular' && map !== 'atomic') {
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, map, ['atomic', 'granular']))
  }
  mustBe(errors, schema.type, 'object', `${path}.type`, 'must be object if x-kubernetes-map-type is specified')
}

function mustBe(errors: Errors, type: string | undefined, wanted: string, path: string, text: string): void {
  if (type !== wanted) errors.push(type ? invalid(path, type, text) : required(path, text))
}

function checkListType(errors: Errors, schema: JSONSchemaProps, path: string, allowed: Allowed): void {
  const list = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const at = `${path}.x-kubernetes-list-type`
  const items = itemsOf(schema)
  if (list !== undefined && schema.type !== 'array') {
    mustBe(errors, schema.type, 'array', `${path}.type`, 'must be array if x-kubernetes-list-type is specified')
  } else if (list === 'set' && !allowed.nonAtomicSets) checkSetItems(errors, items, `${path}.items`)
  if (list !== undefined && !['atomic', 'set', 'map'].includes(list)) {
    errors.push(notSupported(at, list, ['atomic', 'set', 'map']))
  }
  if (keys.length > 0 && list !== 'map') {
    const text = 'must be map if x-kubernetes-list-map-keys is non-empty'
    errors.push(list === undefined ? required(at, text) : invalid(at, list, text))
  }
  if (list === 'map') checkMapList(errors, items, keys, path)
  if (!allowed.looseMapKeys) checkMapKeys(errors, schema, path)
}

/** Whether entries of a set are merged with each other, which sets cannot have. */
export function hasNonAtomicSets(schema: JSONSchemaProps): boolean {
  const errors: Errors = []
  if (schema['x-kubernetes-list-type'] === 'set') checkSetItems(errors, itemsOf(schema), '')
  return errors.length > 0
}

function checkSetItems(errors: Errors, items: JSONSchemaProps | undefined, path: string): void {
  const text = 'must be atomic as item of a list with x-kubernetes-list-type=set'
  const list = items?.['x-kubernetes-list-type']
  if (items?.type === 'array' && list !== undefined && list !== 'atomic') {
    errors.push(invalid(`${path}.x-kubernetes-list-type`, list, text))
  }
  // Upstream shows the list type here too.
  if (items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    errors.push(invalid(`${path}.x-kubernetes-map-type`, list ?? null, text))
  }
}

function checkMapList(errors: Errors, items: JSONSchemaProps | undefined, keys: readonly string[], path: string): void {
  const listed = `${path}.x-kubernetes-list-map-keys`
  if (keys.length === 0) errors.push(required(listed, 'must not be empty if x-kubernetes-list-type is map'))
  if (items === undefined) {
    errors.push(required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'))
    return
  }
  if (items.type !== 'object') {
    const text = "must be object if parent array's x-kubernetes-list-type is map"
    errors.push(invalid(`${path}.items.type`, items.type ?? '', text))
    return
  }
  const seen = new Set<string>()
  for (const key of keys) {
    const property = items.properties?.[key]
    if (property === undefined) errors.push(invalid(listed, keys, 'entries must all be names of item properties'))
    else if (property.type === 'array' || property.type === 'object') {
      const text = "must be a scalar type if parent array's x-kubernetes-list-type is map"
      errors.push(invalid(`${propertyPath(`${path}.items`, key)}.type`, items.type, text))
    }
    if (seen.has(key)) errors.push(invalid(listed, keys, 'must not contain duplicate entries'))
    seen.add(key)
  }
}

/** Whether entries of a set or map may be null, or lack a key. */
export function hasLooseMapKeys(schema: JSONSchemaProps): boolean {
  const errors: Errors = []
  checkMapKeys(errors, schema, '')
  return errors.length > 0
}

function checkMapKeys(errors: Errors, schema: JSONSchemaProps, path: string): void {
  const list = schema['x-kubernetes-list-type']
  const items = itemsOf(schema)
  if (items === undefined || (list !== 'set' && list !== 'map')) return
  if (items.nullable === true) {
    errors.push(forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${list}`))
  }
  if (list === 'set') return
  for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
    const property = items.properties?.[key]
    if (property === undefined) continue
    const at = propertyPath(`${path}.items`, key)
    if (items.required?.includes(key) !== true && property.default === undefined) {
      const text = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'
      errors.push(required(`${at}.default`, text))
    }
    if (property.nullable === true) {
      const text = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'
      errors.push(forbidden(`${at}.nullable`, text))
    }
  }
}
