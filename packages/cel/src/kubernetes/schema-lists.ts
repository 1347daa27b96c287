import { equals } from '../values/equality.ts'
import { ArrayList, ListValue } from '../values/list.ts'
import { keyForm, MapValue } from '../values/map.ts'
import { Double, Uint, type Value } from '../values/value.ts'
import { escapeFieldName } from './field-names.ts'
import type { ValueSchema } from './schema.ts'

/**
 * A list of JSON. By its schema it may be a set (order does not matter, adding leaves out what is there) or a map (elements
 * are told apart by their keys, adding replaces). Behaviour: apiserver pkg/cel/common/valuesunstructured.go.
 */
export class SchemaList extends ListValue {
  readonly #kind: 'atomic' | 'set' | 'map'
  readonly #keys: readonly string[]
  readonly #raw: readonly unknown[]
  readonly #adapt: (element: unknown) => Value

  constructor(schema: ValueSchema, raw: readonly unknown[], adapt: (element: unknown) => Value) {
    super()
    const kind = schema['x-kubernetes-list-type']
    this.#kind = kind === 'set' || kind === 'map' ? kind : 'atomic'
    this.#keys = (schema['x-kubernetes-list-map-keys'] ?? []).map(key => escapeFieldName(key) ?? key)
    this.#raw = raw
    this.#adapt = adapt
  }

  get size(): number {
    return this.#raw.length
  }

  at(index: number): Value {
    return this.#adapt(this.#raw[index])
  }

  override equalTo(other: ListValue): boolean {
    if (this.size !== other.size) return false
    if (this.#kind === 'atomic') return this.#raw.every((_, index) => equals(this.at(index), other.at(index)))
    const mine = this.#byKey(this)
    const theirs = this.#byKey(other)
    if (mine.size !== theirs.size) return false
    return [...mine].every(([key, value]) => theirs.has(key) && equals(value, theirs.get(key)!))
  }

  override concat(other: ListValue): ListValue {
    if (this.#kind === 'atomic') return new ArrayList([...this.toArray(), ...other.toArray()])
    const joined = this.#byKey(this)
    for (const [key, value] of this.#byKey(other)) {
      if (this.#kind === 'map' || !joined.has(key)) joined.set(key, value)
    }
    return new ArrayList([...joined.values()])
  }

  #byKey(list: ListValue): Map<string, Value> {
    return new Map(list.toArray().map(value => [this.#keyOf(value), value]))
  }

  #keyOf(value: Value): string {
    if (this.#kind === 'set' || !(value instanceof MapValue)) return keyText(value)
    return this.#keys.map(key => keyText(value.find(key) ?? null)).join('\0')
  }
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
