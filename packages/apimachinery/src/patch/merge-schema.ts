import type { Field, PatchStrategy, Schema } from '../schema/schema.ts'

/** What a strategic merge patch needs to know of a type. */
export interface MergeSchema {
  field(name: string): MergeField | undefined
}

export interface MergeField {
  readonly strategies: readonly PatchStrategy[]
  /** The field by which entries of the list are told apart; absent for lists of scalars. */
  readonly mergeKey?: string
  /** Of the object, or of the list's entries. */
  readonly element?: MergeSchema
}

const known = new WeakMap<Schema, MergeSchema>()

/** The merge rules of a type: those of its fields, and of its entries where it is a list. Nothing where it has none. */
export function mergeSchemaOf(schema: Schema): MergeSchema | undefined {
  if (schema.type === 'list') return mergeSchemaOf(schema.items)
  if (schema.type === 'map') return mapMergeSchema(schema.values)
  if (schema.type !== 'struct') return undefined
  let rules = known.get(schema)
  if (rules === undefined) {
    const fields = new Map<string, MergeField>()
    rules = {
      field(name) {
        const field = schema.fields.get(name)
        let own = fields.get(name)
        if (own === undefined && field !== undefined) {
          own = mergeField(field)
          fields.set(name, own)
        }
        return own
      },
    }
    known.set(schema, rules)
  }
  return rules
}

function mergeField(field: Field): MergeField {
  const element = mergeSchemaOf(field.schema)
  return {
    strategies: field.patchStrategy,
    ...(field.mergeKey === undefined ? {} : { mergeKey: field.mergeKey }),
    ...(element === undefined ? {} : { element }),
  }
}

/** Under every key of a map lies the same type. */
function mapMergeSchema(values: Schema): MergeSchema | undefined {
  const element = mergeSchemaOf(values)
  return element === undefined ? undefined : { field: () => ({ strategies: [], element }) }
}
