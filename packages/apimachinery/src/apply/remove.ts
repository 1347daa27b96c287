/** Taking fields out of an object (sigs.k8s.io/structured-merge-diff/typed/remove.go). */
import { setField } from '../clone.ts'
import { tryElement } from './collect.ts'
import { fieldElement } from './elements.ts'
import { below, type FieldSet, isEmptySet, isMember, nodeOf } from './field-set.ts'
import {
  childType,
  DEDUCED,
  entryType,
  formOf,
  isMap,
  isNamed,
  isVoid,
  listOf,
  type Plain,
  type Type,
} from './shape.ts'

/** The value without the members of the set; null where nothing is left of a list or map. The value itself is not changed. */
export function removeFields(type: Type, value: unknown, fields: FieldSet): unknown {
  if (isEmptySet(fields)) return value
  switch (formOf(type, value)) {
    case 'map':
      return isVoid(value) ? null : removeFromMap(type, value as Plain, fields)
    case 'list':
      return isVoid(value) ? null : removeFromList(type, value as readonly unknown[], fields)
    default:
      return Array.isArray(value) || isMap(value) ? null : value
  }
}

/** What is left of something within which fields were removed: if that is nothing, then an empty one. */
function restOf(type: Type, value: unknown, fields: FieldSet): unknown {
  const rest = removeFields(type, value, fields)
  if (rest !== null) return rest
  return Array.isArray(value) ? [] : isMap(value) ? {} : null
}

function removeFromMap(type: Type, value: Plain, fields: FieldSet): Plain | null {
  const out: Record<string, unknown> = {}
  let had = false
  for (const key of Object.keys(value)) {
    const node = fields[fieldElement(key)]
    if (node === undefined) setField(out, key, value[key])
    else if (!isMember(node)) {
      had = true
      setField(out, key, restOf(childType(type.schema, key) ?? DEDUCED, value[key], node))
    }
  }
  return isVoid(out) && !had ? null : out
}

function removeFromList(type: Type, value: readonly unknown[], fields: FieldSet): unknown[] | null {
  const list = listOf(type)
  const items = entryType(list.items)
  const out: unknown[] = []
  for (const entry of value) {
    const element = tryElement(list, entry)
    const node = element === undefined ? undefined : fields[element]
    if (node === undefined) out.push(entry)
    else if (!isMember(node)) out.push(restOf(items, entry, node))
  }
  return out.length === 0 ? null : out
}

/** The set with every field that the schema names and that leads to a member as member itself. */
export function withNamedFields(type: Type, fields: FieldSet): FieldSet {
  const { schema } = type
  const out: Record<string, FieldSet> = {}
  for (const [element, node] of Object.entries(fields)) {
    if (element === '.') continue
    const name = element.startsWith('f:') ? element.slice(2) : undefined
    const child = typeBelow(type, element)
    const member = isMember(node) || (name !== undefined && isNamed(schema, name))
    const inner = withNamedFields(child ?? DEDUCED, below(node))
    out[element] = nodeOf(member, inner) ?? node
  }
  return out
}

/** The type at an element; undefined where the schema has none. */
export function typeBelow(type: Type, element: string): Type | undefined {
  const { schema } = type
  if (element.startsWith('f:')) return schema.type === 'list' ? undefined : childType(schema, element.slice(2))
  return schema.type === 'list' ? entryType(schema.items) : undefined
}
