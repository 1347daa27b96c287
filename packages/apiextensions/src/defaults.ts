/** Defaults of structural schemas (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting). */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { clone, setField } from '@canopus/apimachinery'
import { someSchema } from './structural.ts'

/**
 * Sets what is missing, in place. A null where the schema allows none counts as missing where there is a default, and is
 * dropped where there is none, unless `keepsNulls`.
 */
export function applyDefaults(schema: JSONSchemaProps, value: unknown, keepsNulls = false): void {
  if (Array.isArray(value)) {
    const { items } = schema
    if (items !== undefined && !Array.isArray(items)) for (const each of value) applyDefaults(items, each, keepsNulls)
    return
  }
  if (typeof value !== 'object' || value === null) return
  const object = value as Record<string, unknown>
  for (const name in schema.properties) fill(object, name, schema.properties[name]!, keepsNulls)
  const { additionalProperties } = schema
  if (typeof additionalProperties !== 'object') return
  for (const name of Object.keys(object)) {
    if (!hasProperty(schema, name)) fill(object, name, additionalProperties, keepsNulls)
  }
}

/** Whether `applyDefaults` would change a value. */
export function needsDefaults(schema: JSONSchemaProps, value: unknown): boolean {
  if (Array.isArray(value)) {
    const { items } = schema
    return items !== undefined && !Array.isArray(items) && value.some(each => needsDefaults(items, each))
  }
  if (typeof value !== 'object' || value === null) return false
  const object = value as Record<string, unknown>
  for (const name in schema.properties) if (needsFilling(object, name, schema.properties[name]!)) return true
  const { additionalProperties } = schema
  if (typeof additionalProperties !== 'object') return false
  for (const name of Object.keys(object)) {
    if (!hasProperty(schema, name) && needsFilling(object, name, additionalProperties)) return true
  }
  return false
}

function needsFilling(object: Record<string, unknown>, name: string, schema: JSONSchemaProps): boolean {
  const present = Object.hasOwn(object, name)
  if (!present || (object[name] === null && schema.nullable !== true)) return present || schema.default !== undefined
  return needsDefaults(schema, object[name])
}

/** Whether there is anything to set anywhere below. */
export const hasDefaults = (schema: JSONSchemaProps): boolean =>
  someSchema(schema, ({ default: value }) => value !== undefined)

function hasProperty(schema: JSONSchemaProps, name: string): boolean {
  return schema.properties !== undefined && Object.hasOwn(schema.properties, name)
}

function fill(object: Record<string, unknown>, name: string, schema: JSONSchemaProps, keepsNulls: boolean): void {
  const present = Object.hasOwn(object, name)
  const missing = !present || (object[name] === null && schema.nullable !== true)
  if (missing && schema.default !== undefined) setField(object, name, clone(schema.default))
  else if (missing && present && !keepsNulls) delete object[name]
  if (object[name] !== undefined) applyDefaults(schema, object[name], keepsNulls)
}
