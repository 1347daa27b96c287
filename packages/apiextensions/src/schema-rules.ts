/**
 * What schemas of definitions may not hold besides being structural
 * (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go, specStandardValidatorV3).
 */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { type FieldError, forbidden, invalid, notSupported, required } from '@canopus/apimachinery'
import { checkRuleTexts } from './rules/index.ts'
import { itemsOf, propertyPath } from './structural.ts'

type Errors = FieldError[]

const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const
const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']

export function validateSchemaRules(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: Errors = []
  walk(errors, schema, path, false)
  return errors
}

/** `nested`: in a junctor or under additionalProperties, where defaults are not allowed. */
function walk(errors: Errors, schema: JSONSchemaProps, path: string, nested: boolean): void {
  checkSupported(errors, schema, path)
  if (nested && schema.default !== undefined) errors.push(forbidden(`${path}.default`, 'must not be set'))
  checkListType(errors, schema, path)
  checkMapType(errors, schema, path)
  checkRuleTexts(errors, schema, path)
  const { properties = {}, additionalProperties } = schema
  for (const [name, each] of Object.entries(properties)) walk(errors, each, propertyPath(path, name), nested)
  if (typeof additionalProperties === 'object')
    walk(errors, additionalProperties, `${path}.additionalProperties`, nested)
  const items = itemsOf(schema)
  if (items !== undefined) walk(errors, items, `${path}.items`, nested)
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [index, each] of (schema[junctor] ?? []).entries())
      walk(errors, each, `${path}.${junctor}[${index}]`, true)
  }
  if (schema.not !== undefined) walk(errors, schema.not, `${path}.not`, true)
}

function checkSupported(errors: Errors, schema: JSONSchemaProps, path: string): void {
  for (const name of UNSUPPORTED) {
    const value = schema[name]
    if (!value || (typeof value === 'object' && Object.keys(value).length === 0)) continue
    errors.push(forbidden(`${path}.${name}`, `${name} is not supported`))
  }
  const { type, properties, additionalProperties } = schema
  if (type === 'null') {
    errors.push(forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'))
  } else if (type && !TYPES.includes(type)) errors.push(notSupported(`${path}.type`, type, TYPES))
  if (Array.isArray(schema.items)) {
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'))
  }
  if (schema.uniqueItems === true) {
    const text = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'
    errors.push(forbidden(`${path}.uniqueItems`, text))
  }
  if (additionalProperties !== undefined) {
    const at = `${path}.additionalProperties`
    if (additionalProperties === false) errors.push(forbidden(at, 'additionalProperties cannot be set to false'))
    if (properties !== undefined && Object.keys(properties).length > 0) {
      errors.push(forbidden(at, 'additionalProperties and properties are mutual exclusive'))
    }
  }
  const preserve = 'x-kubernetes-preserve-unknown-fields'
  if (schema[preserve] === false) errors.push(invalid(`${path}.${preserve}`, false, 'must be true or undefined'))
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

function checkListType(errors: Errors, schema: JSONSchemaProps, path: string): void {
  const list = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const at = `${path}.x-kubernetes-list-type`
  if (list !== undefined) {
    if (!['atomic', 'set', 'map'].includes(list)) errors.push(notSupported(at, list, ['atomic', 'map', 'set']))
    mustBe(errors, schema.type, 'array', `${path}.type`, 'must be array if x-kubernetes-list-type is specified')
  }
  if (keys.length > 0 && list !== 'map') {
    const text = 'must be map if x-kubernetes-list-map-keys is non-empty'
    errors.push(list === undefined ? required(at, text) : invalid(at, list, text))
  }
  const items = itemsOf(schema)
  if (list === 'set' && items !== undefined) checkSetItems(errors, items, `${path}.items`)
  if (list !== 'map') return
  if (keys.length === 0) {
    errors.push(required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'))
  }
  if (items === undefined) {
    errors.push(required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'))
  } else checkMapItems(errors, items, keys, path)
}

function checkSetItems(errors: Errors, items: JSONSchemaProps, path: string): void {
  if (items.nullable === true) {
    errors.push(forbidden(`${path}.nullable`, 'cannot be nullable when x-kubernetes-list-type is set'))
  }
  const text = 'must be atomic as item of a list with x-kubernetes-list-type=set'
  const map = items['x-kubernetes-map-type']
  if (items.type === 'object' && map !== 'atomic') {
    const at = `${path}.x-kubernetes-map-type`
    errors.push(map === undefined ? required(at, text) : invalid(at, map, text))
  }
  const list = items['x-kubernetes-list-type']
  if (items.type === 'array' && list !== undefined && list !== 'atomic') {
    errors.push(invalid(`${path}.x-kubernetes-list-type`, list, text))
  }
}

function checkMapItems(errors: Errors, items: JSONSchemaProps, keys: readonly string[], path: string): void {
  if (items.type !== 'object') {
    const text = "must be object if parent array's x-kubernetes-list-type is map"
    errors.push(invalid(`${path}.items.type`, items.type ?? '', text))
  }
  const listed = `${path}.x-kubernetes-list-map-keys`
  const seen = new Set<string>()
  for (const [index, key] of keys.entries()) {
    const property = items.properties?.[key]
    if (property === undefined) {
      errors.push(invalid(`${listed}[${index}]`, key, 'entries must all be names of item properties'))
    } else checkKey(errors, property, items.required?.includes(key) === true, propertyPath(`${path}.items`, key))
    if (seen.has(key)) errors.push(invalid(`${listed}[${index}]`, key, 'must be unique'))
    seen.add(key)
  }
}

function checkKey(errors: Errors, property: JSONSchemaProps, isRequired: boolean, path: string): void {
  if (property.type === 'array' || property.type === 'object') {
    const text = "must be a scalar type if parent array's x-kubernetes-list-type is map"
    errors.push(invalid(`${path}.type`, property.type, text))
  }
  if (property.nullable === true) {
    const text = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'
    errors.push(forbidden(`${path}.nullable`, text))
  }
  if (!isRequired && property.default === undefined) {
    const text = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'
    errors.push(required(`${path}.default`, text))
  }
}
