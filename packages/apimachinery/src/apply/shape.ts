/** How apply sees values: as leaves, or as maps and lists whose entries have owners of their own. */
import { unsetValue } from '../schema/decoded-values.ts'
import { ANY, type Field, isAtomic, type ListSchema, type Schema, type StructSchema } from '../schema/schema.ts'
import { fieldElement } from './elements.ts'

export type Plain = Readonly<Record<string, unknown>>

/** A schema with what the field that holds the value adds to it. */
export interface Type {
  readonly schema: Schema
  /** The value is one leaf, whatever is in it. */
  readonly atomic: boolean
}

export interface FieldType extends Type {
  readonly name: string
  /** In a FieldsV1. */
  readonly element: string
  /** What Go writes for the field where nobody set it; undefined where it writes nothing. */
  readonly zero: unknown
}

interface Struct {
  readonly fields: ReadonlyMap<string, FieldType>
  /** Those that Go always writes. */
  readonly always: readonly FieldType[]
}

/** Values without a schema: maps are maps, everything else is a leaf. */
export const DEDUCED: Type = { schema: ANY, atomic: false }

const structs = new WeakMap<StructSchema, Struct>()

export function structOf(schema: StructSchema): Struct {
  let struct = structs.get(schema)
  if (struct === undefined) {
    const fields = new Map<string, FieldType>()
    for (const [name, field] of schema.fields) fields.set(name, fieldType(schema, name, field))
    struct = { fields, always: [...fields.values()].filter(field => field.zero !== undefined) }
    structs.set(schema, struct)
  }
  return struct
}

function fieldType(struct: StructSchema, name: string, field: Field): FieldType {
  const atomic = isDeduced(field.schema) ? field.mapType === 'atomic' : field.atomic || isRaw(field.schema)
  const zero = struct.goType === '' || name === 'apiVersion' || name === 'kind' ? undefined : unsetValue(field)
  return { schema: field.schema, atomic, name, element: fieldElement(name), zero }
}

/** Upstream's schema says of a RawExtension that it is one value (`__untyped_atomic_`). */
const isRaw = (schema: Schema): boolean => schema.type === 'any' && schema.message === 'am.runtime.RawExtension'

const isDeduced = (schema: Schema): boolean =>
  (schema.type === 'any' && !isRaw(schema)) || schema.type.startsWith('schemaOr')

const valueTypes = new WeakMap<Schema, Type>()

/** The type of the entries of a map or a list. */
export function entryType(schema: Schema): Type {
  let type = valueTypes.get(schema)
  if (type === undefined) {
    type = { schema, atomic: !isDeduced(schema) && isAtomic(schema) }
    valueTypes.set(schema, type)
  }
  return type
}

/**
 * The type of a field or key; undefined where the schema does not allow it. An object of which no field is named may have any
 * (k8s.io/kube-openapi/pkg/schemaconv/openapi.go); what it may not keep is pruned later.
 */
export function childType(schema: Schema, key: string): Type | undefined {
  switch (schema.type) {
    case 'struct': {
      const { fields } = structOf(schema)
      return fields.get(key) ?? (schema.preserveUnknown || schema.additional || fields.size === 0 ? DEDUCED : undefined)
    }
    case 'map':
      return entryType(schema.values)
    default:
      return DEDUCED
  }
}

/** The step to a field or key in a FieldsV1. */
export function elementOf(type: Type | FieldType, key: string): string {
  return 'element' in type ? type.element : fieldElement(key)
}

/** Whether the schema names the field, so that it exists as soon as something is in it. */
export function isNamed(schema: Schema, key: string): boolean {
  return schema.type === 'struct' && schema.fields.has(key)
}

export const isMap = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export type Form = 'leaf' | 'map' | 'list'

/** How a value of this type is seen. Values of the wrong type are leaves: validation has its say about them. */
export function formOf(type: Type, value: unknown): Form {
  if (type.atomic) return 'leaf'
  switch (type.schema.type) {
    case 'list':
      return value === null || Array.isArray(value) ? 'list' : 'leaf'
    case 'struct':
    case 'map':
      return value === null || isMap(value) ? 'map' : 'leaf'
    default:
      return isDeduced(type.schema) && isMap(value) ? 'map' : 'leaf'
  }
}

export const listOf = (type: Type): ListSchema => type.schema as ListSchema

/** Nothing, null, or without entries. */
export function isVoid(value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (Array.isArray(value)) return value.length === 0
  if (typeof value !== 'object') return false
  for (const _ in value) return false
  return true
}

/** The value of a key, with what Go would write in its place. */
export function valueAt(schema: Schema, value: Plain, key: string): unknown {
  if (Object.hasOwn(value, key)) return value[key]
  return schema.type === 'struct' ? structOf(schema).fields.get(key)?.zero : undefined
}
