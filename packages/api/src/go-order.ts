/** Values in the order in which Go writes them as JSON: structures by their fields, maps by their keys. */
import type { Schema, StructSchema } from '@canopus/apimachinery'
import { membersOf } from './go-structs.ts'

type Plain = Readonly<Record<string, unknown>>

/** The value with its members in Go's order; what the schema does not know comes sorted behind. Nothing is changed in place. */
export function inGoOrder(schema: Schema | undefined, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = schema?.type === 'list' ? schema.items : undefined
    return value.map(each => inGoOrder(items, each))
  }
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const plain = value as Plain
  if (schema?.type === 'struct') return structInOrder(schema, plain)
  const values = schema?.type === 'map' ? schema.values : undefined
  return Object.fromEntries(
    Object.keys(plain)
      .sort()
      .map(key => [key, inGoOrder(values, plain[key])]),
  )
}

function structInOrder(schema: StructSchema, value: Plain): Plain {
  const ordered: Record<string, unknown> = {}
  const head = schema.isKind ? ['kind', 'apiVersion'] : []
  const names = [...head, ...namesOf(schema)]
  for (const name of names) {
    if (value[name] !== undefined) ordered[name] = inGoOrder(schema.fields.get(name)?.schema, value[name])
  }
  for (const name of Object.keys(value).sort()) if (!Object.hasOwn(ordered, name)) ordered[name] = value[name]
  return ordered
}

function namesOf(schema: StructSchema): string[] {
  return membersOf(schema).flatMap(({ field }) =>
    field.inline && field.schema.type === 'struct' ? namesOf(field.schema) : [field.name],
  )
}
