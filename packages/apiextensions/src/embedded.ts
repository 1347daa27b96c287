/** Objects within custom objects (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta/validation.go). */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import {
  checkDns1035Label,
  checkPathSegmentName,
  clone,
  decodeValue,
  type FieldError,
  invalid,
  type ObjectMeta,
  required,
  type StructSchema,
  validateObjectMeta,
} from '@canopus/apimachinery'
import { itemsOf, someSchema } from './structural.ts'

export const isEmbedded = (schema: JSONSchemaProps): boolean => schema['x-kubernetes-embedded-resource'] === true

/** Whether there are embedded objects anywhere below a schema. */
export const hasEmbedded = (schema: JSONSchemaProps): boolean => someSchema(schema, isEmbedded)

/** What is wrong with apiVersion, kind and metadata of embedded objects; what did not change counts too. */
export function validateEmbedded(schema: JSONSchemaProps, value: unknown, path = ''): FieldError[] {
  if (Array.isArray(value)) {
    const items = itemsOf(schema)
    return items === undefined ? [] : value.flatMap((each, at) => validateEmbedded(items, each, `${path}[${at}]`))
  }
  if (typeof value !== 'object' || value === null) return []
  const object = value as Record<string, unknown>
  const errors = isEmbedded(schema) ? checkResource(object, path) : []
  const { properties = {}, additionalProperties } = schema
  for (const [name, each] of Object.entries(object)) {
    if (Object.hasOwn(properties, name)) errors.push(...validateEmbedded(properties[name]!, each, child(path, name)))
    else if (typeof additionalProperties === 'object') {
      errors.push(...validateEmbedded(additionalProperties, each, `${path}[${name}]`))
    }
  }
  return errors
}

/**
 * Leaves out what no metadata can be in the metadata of embedded objects, field by field (pkg/apiserver/schema/objectmeta,
 * DropInvalidFields). Changes the value.
 */
export function dropMalformedMetadata(schema: JSONSchemaProps, value: unknown, meta: StructSchema): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema)
    if (items !== undefined) for (const each of value) dropMalformedMetadata(items, each, meta)
    return
  }
  if (typeof value !== 'object' || value === null) return
  const object = value as Record<string, unknown>
  if (isEmbedded(schema) && object.metadata !== undefined) object.metadata = wellFormed(object.metadata, meta)
  const { properties = {}, additionalProperties } = schema
  for (const [name, each] of Object.entries(object)) {
    if (Object.hasOwn(properties, name)) dropMalformedMetadata(properties[name]!, each, meta)
    else if (typeof additionalProperties === 'object') dropMalformedMetadata(additionalProperties, each, meta)
  }
}

function wellFormed(metadata: unknown, meta: StructSchema): Record<string, unknown> {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return {}
  const isWellFormed = ([name, value]: [string, unknown]): boolean => {
    try {
      decodeValue(meta, { [name]: clone(value) })
      return true
    } catch {
      return false
    }
  }
  return Object.fromEntries(Object.entries(metadata).filter(isWellFormed))
}

const child = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

function checkResource(object: Record<string, unknown>, path: string): FieldError[] {
  const errors: FieldError[] = []
  for (const name of ['apiVersion', 'kind']) {
    if (!Object.hasOwn(object, name)) errors.push(required(child(path, name)))
  }
  for (const [name, value] of Object.entries(object)) {
    const at = child(path, name)
    if (name === 'metadata') errors.push(...checkMetadata(value, at))
    if (name !== 'apiVersion' && name !== 'kind') continue
    const why = typeof value === 'string' ? problemOf(name, value) : 'must be a string'
    if (why !== undefined) errors.push(invalid(at, value, why))
  }
  return errors
}

function problemOf(name: 'apiVersion' | 'kind', value: string): string | undefined {
  if (value === '') return 'must not be empty'
  if (name === 'apiVersion') {
    return value.split('/').length > 2 ? `unexpected GroupVersion string: ${value}` : undefined
  }
  const wrong = checkDns1035Label(value.toLowerCase())
  return wrong.length === 0 ? undefined : `may have mixed case, but should otherwise match: ${wrong.join(',')}`
}

/** It need not have a name. */
function checkMetadata(value: unknown, path: string): FieldError[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const meta = value as ObjectMeta
  const named = { ...meta, name: meta.name || 'fakename' }
  return validateObjectMeta(named, { namespaced: Boolean(meta.namespace), validateName: checkPathSegmentName, path })
}
