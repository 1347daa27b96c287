import { equals } from '../values/equality.ts'
import { ArrayList, LazyList, ListValue } from '../values/list.ts'
import { keyForm, MapValue } from '../values/map.ts'
import { Double, Uint, type Value } from '../values/value.ts'
import { escapeFieldName } from './field-names.ts'
import type { ValueSchema } from './schema.ts'

/** How elements of a list are told apart. */
interface ElementIdentity {
  readonly kind: 'set' | 'map'
  readonly keys: readonly string[]
}

/**
 * A list that is a set (order does not matter, adding leaves out what is there) or a map (elements are told apart by their
 * keys, adding replaces). Behaviour: apiserver pkg/cel/common/valuesunstructured.go.
 */
class KeyedList extends ListValue {
  readonly #elements: ListValue
  readonly #identity: ElementIdentity

  constructor(elements: ListValue, identity: ElementIdentity) {
    super()
    this.#elements = elements
    this.#identity = identity
  }

  get size(): number {
    return this.#elements.size
  }

  at(index: number): Value {
    return this.#elements.at(index)
  }

  override equalTo(other: ListValue): boolean {
    if (this.size !== other.size) return false
    const mine = this.#byKey(this)
    const theirs = this.#byKey(other)
    if (mine.size !== theirs.size) return false
    return [...mine].every(([key, value]) => theirs.has(key) && equals(value, theirs.get(key)!))
  }

  override concat(other: ListValue): ListValue {
    const joined = this.#byKey(this)
    for (const [key, value] of this.#byKey(other)) {
      if (this.#identity.kind === 'map' || !joined.has(key)) joined.set(key, value)
    }
    return new KeyedList(new ArrayList([...joined.values()]), this.#identity)
  }

  #byKey(list: ListValue): Map<string, Value> {
    return new Map(list.toArray().map(value => [this.#keyOf(value), value]))
  }

  #keyOf(value: Value): string {
    if (this.#identity.kind === 'set' || !(value instanceof MapValue)) return keyText(value)
    return this.#identity.keys.map(key => keyText(value.find(key) ?? null)).join('\0')
  }
}

/** A list of JSON, by its schema a set, a map or just a list. */
export function schemaList(
  schema: ValueSchema,
  raw: readonly unknown[],
  adapt: (element: unknown) => Value,
): ListValue {
  const list = new LazyList(raw, adapt)
  const kind = schema['x-kubernetes-list-type']
  if (kind !== 'set' && kind !== 'map') return list
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  return new KeyedList(list, { kind, keys: keys.map(key => escapeFieldName(key) ?? key) })
}

/** A text that is the same for equal values. */
function keyText(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof ListValue) return `[${value.toArray().map(keyText).join()}]`
  if (value instanceof MapValue) {
    const entries = value.keys().map(key => `${keyText(key)}:${keyText(value.find(key)!)}`)
    return `{${entries.toSorted().join()}}`
  }
  if (value instanceof Double || value instanceof Uint) return String(keyForm(value) ?? value.value)
  return typeof value === 'object'
    ? JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part))
    : String(value)
}
