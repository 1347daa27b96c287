import { CelError } from '../values/error.ts'
import { ListValue } from '../values/list.ts'
import { MapValue } from '../values/map.ts'
import { Double, ObjectValue, OptionalValue, typeOf, Uint, type Value } from '../values/value.ts'

/** A key or an index as messages show it. */
export function showKey(key: Value): string {
  if (key instanceof Double) return String(key.value)
  if (key instanceof Uint) return String(key.value)
  return typeof key === 'object' && key !== null ? typeOf(key).name : String(key)
}

/** The place that a number means in a list, or undefined where it means none. Throws where it is no number. */
function indexOf(key: Value): number | undefined {
  if (typeof key === 'number') return key
  if (typeof key === 'bigint') return undefined
  if (key instanceof Uint) return Number(key.value)
  if (key instanceof Double && Number.isInteger(key.value)) return key.value
  throw new CelError(`unsupported index type '${typeOf(key).name}' in list`)
}

/**
 * `container[key]` or `container.key`. Throws CelError where there is no such thing: what holds nothing at all (null, a
 * number) has no such key either (cel-go interpreter/attributes.go `refQualify`).
 */
export function access(container: Value, key: Value): Value {
  if (container instanceof MapValue) {
    const value = container.find(key)
    if (value === undefined) throw new CelError(`no such key: ${showKey(key)}`)
    return value
  }
  if (container instanceof ListValue) {
    const index = indexOf(key)
    if (index === undefined || index < 0 || index >= container.size) {
      throw new CelError(`index out of bounds: ${showKey(key)}`)
    }
    return container.at(index)
  }
  if (container instanceof ObjectValue) return objectField(container, key)
  throw new CelError(`no such key: ${showKey(key)}`)
}

function objectField(object: ObjectValue, key: Value): Value {
  const value = typeof key === 'string' ? object.fields.get(key) : undefined
  if (value === undefined) throw new CelError(`no such field '${showKey(key)}'`)
  return value
}

/** The same, or undefined where it is not there. */
export function accessIfPresent(container: Value, key: Value): Value | undefined {
  if (container instanceof MapValue) return container.find(key)
  if (container instanceof ListValue) {
    const index = indexOf(key)
    return index === undefined || index < 0 || index >= container.size ? undefined : container.at(index)
  }
  if (container instanceof ObjectValue) return typeof key === 'string' ? container.fields.get(key) : undefined
  return undefined
}

/** `has(container.field)`; false where the container holds nothing at all. */
export function isPresent(container: Value, field: string): boolean {
  if (container instanceof MapValue) return container.has(field)
  if (container instanceof ObjectValue) return container.fields.has(field)
  if (container instanceof OptionalValue) return container.value !== undefined && isPresent(container.value, field)
  return false
}
