import { Double, Uint, type Value } from './value.ts'

/** A map, or an object with a schema. Never changed once it can be seen. */
export abstract class MapValue {
  abstract readonly size: number
  /** The value of a key, or undefined. Numbers of different types that are equal are the same key. */
  abstract find(key: Value): Value | undefined
  abstract keys(): Value[]

  /** Whether the key is there. Of values with a schema it fails where the value does not fit, as upstream. */
  has(key: Value): boolean {
    return this.find(key) !== undefined
  }

  /** Equality of its own: objects with a schema. */
  equalTo?(other: MapValue): boolean
}

/** One form for all keys that are equal: ints and uints and whole doubles by their number. Undefined: cannot be a key here. */
export function keyForm(key: Value): string | number | bigint | boolean | undefined {
  switch (typeof key) {
    case 'string':
      return key
    case 'boolean':
    case 'number':
    case 'bigint':
      return key
    default:
      if (key instanceof Uint) return smallest(key.value)
      if (key instanceof Double) {
        if (!Number.isInteger(key.value)) return undefined
        return Number.isSafeInteger(key.value) ? key.value + 0 : BigInt(key.value)
      }
      return undefined
  }
}

const smallest = (value: bigint): number | bigint => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** A map of values that are there already. */
export class EntryMap extends MapValue {
  readonly #entries = new Map<string | number | bigint | boolean, { key: Value; value: Value }>()

  /** The last of equal keys wins. A key that is no key is left out: callers check before. */
  static of(entries: Iterable<readonly [Value, Value]>): EntryMap {
    const map = new EntryMap()
    for (const [key, value] of entries) map.put(key, value)
    return map
  }

  get size(): number {
    return this.#entries.size
  }

  /** For whoever makes the map, before anybody sees it. */
  put(key: Value, value: Value): void {
    const form = keyForm(key)
    if (form !== undefined) this.#entries.set(form, { key, value })
  }

  find(key: Value): Value | undefined {
    const form = keyForm(key)
    return form === undefined ? undefined : this.#entries.get(form)?.value
  }

  keys(): Value[] {
    return Array.from(this.#entries.values(), entry => entry.key)
  }
}

/** A JSON object as a map of strings; values are adapted when somebody looks. */
export class RecordMap<T> extends MapValue {
  readonly raw: Readonly<Record<string, T>>
  readonly adapt: (value: T) => Value

  constructor(raw: Readonly<Record<string, T>>, adapt: (value: T) => Value) {
    super()
    this.raw = raw
    this.adapt = adapt
  }

  get size(): number {
    return Object.keys(this.raw).length
  }

  find(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.raw, key)) return undefined
    const value = this.raw[key]
    return value === undefined ? undefined : this.adapt(value)
  }

  override has(key: Value): boolean {
    return typeof key === 'string' && Object.hasOwn(this.raw, key) && this.raw[key] !== undefined
  }

  keys(): Value[] {
    return Object.keys(this.raw)
  }
}

/**
 * A map whose values are worked out when they are asked for, and once: what Kubernetes calls `variables`. A value that fails
 * fails each time anew. Behaviour: apiserver pkg/cel/lazy.
 */
export class LazyMap extends MapValue {
  readonly #compute: ReadonlyMap<string, () => Value>
  readonly #known = new Map<string, Value>()

  constructor(compute: ReadonlyMap<string, () => Value>) {
    super()
    this.#compute = compute
  }

  get size(): number {
    return this.#compute.size
  }

  find(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const value = this.#compute.get(key)?.()
    if (value !== undefined) this.#known.set(key, value)
    return value
  }

  override has(key: Value): boolean {
    return typeof key === 'string' && this.#compute.has(key)
  }

  keys(): Value[] {
    return [...this.#compute.keys()]
  }
}
