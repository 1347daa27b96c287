import { deepEqual, semanticEqual } from '../equality.ts'
import { compareQuantities } from '../quantity.ts'
import { zeroOf } from './decoded-values.ts'
import type { Field, ListSchema, MapSchema, Schema, StructSchema } from './schema.ts'

type Plain = Readonly<Record<string, unknown>>

/**
 * Whether two values mean the same as upstream's `apiequality.Semantic` has it of Go's structures (k8s.io/apimachinery/pkg/api/equality):
 * lists and maps without entries are those that are not there, and so are the zero values of what is no pointer; a pointer to a
 * structure in which nothing is set differs from none. Quantities are compared as amounts.
 */
export function equalBySchema(schema: Schema, a: unknown, b: unknown): boolean {
  if (a === b) return true
  switch (schema.type) {
    case 'struct':
      return equalStructs(schema, (a ?? {}) as Plain, (b ?? {}) as Plain)
    case 'list':
      return equalLists(schema, (a ?? []) as unknown[], (b ?? []) as unknown[])
    case 'map':
      return equalMaps(schema, (a ?? {}) as Plain, (b ?? {}) as Plain)
    case 'quantity':
      return compareQuantities((a ?? '0') as string, (b ?? '0') as string) === 0
    case 'any':
      return deepEqual(a ?? null, b ?? null)
    case 'schemaOrList':
    case 'schemaOrBool':
    case 'schemaOrStrings':
      return semanticEqual(a, b)
    default: {
      const zero = zeroOf(schema)
      return (a ?? zero) === (b ?? zero)
    }
  }
}

function equalStructs(schema: StructSchema, a: Plain, b: Plain): boolean {
  for (const key in a) if (!equalFields(schema.fields.get(key), a[key], b[key])) return false
  for (const key in b) if (!(key in a) && !equalFields(schema.fields.get(key), undefined, b[key])) return false
  return true
}

/** The same of two values of a field. */
export function equalFields(field: Field | undefined, a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (field === undefined) return semanticEqual(a, b)
  const { schema, pointer } = field
  const isOne = schema.type !== 'list' && schema.type !== 'map'
  if (pointer && isOne && (a ?? null) === null) return (b ?? null) === null
  if (pointer && isOne && (b ?? null) === null) return false
  return equalBySchema(schema, a, b)
}

function equalLists({ items }: ListSchema, a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((each, index) => equalBySchema(items, each, b[index]))
}

function equalMaps({ values }: MapSchema, a: Plain, b: Plain): boolean {
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(key => Object.hasOwn(b, key) && equalBySchema(values, a[key], b[key]))
}
