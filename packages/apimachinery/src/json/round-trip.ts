import { setField } from '../clone.ts'

/**
 * What parsing the encoded value would give, without the text: a copy in which fields without a value are missing. Undefined
 * where a value would come back as another one (numbers that JSON has not, long integers, halves of surrogate pairs, objects with a
 * prototype): then only the text tells.
 */
export function afterRoundTrip<T>(value: T): T | undefined {
  const copied = copy(value)
  return copied === UNTOLD ? undefined : (copied as T)
}

const UNTOLD: unique symbol = Symbol('untold')

function copy(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? value : UNTOLD
    case 'number':
      return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value)) ? value : UNTOLD
    case 'boolean':
      return value
    case 'object':
      if (value === null) return null
      return Array.isArray(value) ? copyList(value) : copyObject(value)
    default:
      return UNTOLD
  }
}

function copyList(list: readonly unknown[]): unknown {
  const out = new Array<unknown>(list.length)
  for (let i = 0; i < list.length; i++) {
    const each = copy(list[i])
    if (each === UNTOLD) return UNTOLD
    out[i] = each
  }
  return out
}

function copyObject(object: object): unknown {
  if (Object.getPrototypeOf(object) !== Object.prototype) return UNTOLD
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(object)) {
    const value = (object as Record<string, unknown>)[key]
    if (value === undefined) continue
    const each = copy(value)
    if (each === UNTOLD) return UNTOLD
    setField(out, key, each)
  }
  return out
}
