/**
 * Structures as upstream's findings show them where they are of its internal types, which have no JSON names: by the names that
 * their fields have in Go, with all that is not set.
 */
import { type Field, type StructSchema, unsetValue } from '@canopus/apimachinery'
import { schemas } from '../../schemas.ts'

type Open = Readonly<Record<string, unknown>>

/** The structure of the facts table's `message`. */
export const goFields = (message: string, value: object): object => shown(schemas.schemaOf(message), value as Open)

function shown(schema: StructSchema, value: Open): object {
  const isMeta = schema.name.startsWith('am.')
  if (isMeta) return value
  const fields = [...schema.fields.values()]
  return Object.fromEntries(fields.map(field => [goName(field.name), shownField(field, value[field.name])]))
}

function shownField(field: Field, value: unknown): unknown {
  const { schema } = field
  if (value === undefined || value === null) {
    if (field.pointer) return null
    return schema.type === 'struct' ? shown(schema, {}) : unsetValue({ ...field, omitEmpty: false })
  }
  if (schema.type === 'struct') return shown(schema, value as Open)
  if (schema.type !== 'list' || schema.items.type !== 'struct') return value
  const { items } = schema
  return (value as Open[]).map(each => shown(items, each))
}

const goName = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)
