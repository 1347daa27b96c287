import { isObject } from '../json/json-object.ts'
import { canonicalTime } from '../time.ts'
import { isOmitted } from './decoded-values.ts'
import type { Field, ListSchema, MapSchema, Schema, StructSchema } from './schema.ts'

/**
 * Whether decoding would leave a value as it is, told without a copy of it. `false` may also mean that this cannot be told here:
 * whoever asks then decodes. Meant for custom resources, whose stored form nearly always is the one that their schema asks for.
 */
export function isInForm(schema: Schema, value: unknown): boolean {
  switch (schema.type) {
    case 'struct':
      return structInForm(schema, value)
    case 'list':
      return listInForm(schema, value)
    case 'map':
      return mapInForm(schema, value)
    case 'any':
      return true
    case 'string':
      return typeof value === 'string' || isPlain(schema, value)
    case 'bool':
      return typeof value === 'boolean' || isPlain(schema, value)
    case 'int32':
    case 'int64':
      return isPlain(schema, value) || (schema.type === 'int64' && Number.isSafeInteger(value))
    case 'double':
      return isPlain(schema, value)
    case 'time':
      return typeof value === 'string' && canonicalTime(value) === value && !value.startsWith('0001-')
    case 'intOrString':
      return typeof value === 'string' || isPlain(schema, value)
    default:
      return false
  }
}

/** Custom resources may have any plain value anywhere, but no list or object that the schema does not know. */
const isPlain = ({ goType }: Schema, value: unknown): boolean =>
  goType === '' && (typeof value !== 'object' || value === null)

function structInForm(schema: StructSchema, value: unknown): boolean {
  if (!isObject(value)) return isPlain(schema, value)
  for (const key in value) {
    const field = schema.fields.get(key)
    if (field === undefined ? !unnamedInForm(schema, value[key]) : !fieldInForm(field, value[key])) return false
  }
  if (!schema.isKind || schema.embeddedResource === true) return true
  return isObject(value.metadata) && (schema.goType === '' || isObject(value.spec))
}

function unnamedInForm({ preserveUnknown, additional }: StructSchema, value: unknown): boolean {
  return preserveUnknown || (additional !== undefined && (value === null || isInForm(additional, value)))
}

function fieldInForm(field: Field, value: unknown): boolean {
  const { schema } = field
  if (value === undefined) return false
  if (value === null) return schema.nullable === true
  if (isOmitted(field, value)) return false
  return isInForm(schema, value)
}

function listInForm(schema: ListSchema, value: unknown): boolean {
  const { items } = schema
  if (!Array.isArray(value)) return isPlain(schema, value)
  for (const each of value as readonly unknown[]) {
    if (each === null ? items.goType !== '' : !isInForm(items, each)) return false
  }
  return true
}

function mapInForm(schema: MapSchema, value: unknown): boolean {
  const { values } = schema
  if (!isObject(value)) return isPlain(schema, value)
  for (const key in value) {
    const each = value[key]
    if (each === null ? values.goType !== '' : !isInForm(values, each)) return false
  }
  return true
}
