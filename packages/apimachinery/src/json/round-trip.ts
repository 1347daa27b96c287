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

/**
 * The same for a value that does not change any more: only what would come back as something else is made anew, everything else is the
 * value's own.
 */
export function sharedAfterRoundTrip<T>(value: T): T | undefined {
  const shared = share(value)
  return shared === UNTOLD ? undefined : (shared as T)
}

const UNTOLD: unique symbol = Symbol('untold')

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return scalar(value)
  return Array.isArray(value) ? copyList(value) : copyObject(value)
}

function scalar(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? value : UNTOLD
    case 'number':
      return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value)) ? value : UNTOLD
    case 'boolean':
      return value
    default:
      return value === null ? null : UNTOLD
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
  // Of objects without a prototype of their own these are their own keys.
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key]
    if (value === undefined) continue
    const each = copy(value)
    if (each === UNTOLD) return UNTOLD
    setField(out, key, each)
  }
  return out
}

function share(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return scalar(value)
  return Array.isArray(value) ? shareList(value) : shareObject(value as Record<string, unknown>)
}

function shareList(list: readonly unknown[]): unknown {
  let out: unknown[] | undefined
  for (let i = 0; i < list.length; i++) {
    const each = share(list[i])
    if (each === UNTOLD) return UNTOLD
    if (each !== list[i]) out ??= list.slice()
    if (out !== undefined) out[i] = each
  }
  return out ?? list
}

function shareObject(object: Record<string, unknown>): unknown {
  if (Object.getPrototypeOf(object) !== Object.prototype) return UNTOLD
  let out: Record<string, unknown> | undefined
  for (const key in object) {
    const value = object[key]
    const each = value === undefined ? undefined : share(value)
    if (each === UNTOLD) return UNTOLD
    if (each === undefined || each !== value) out ??= membersBefore(key, object)
    if (out !== undefined && each !== undefined) setField(out, key, each)
  }
  return out ?? object
}

function membersBefore(end: string, object: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const key in object) {
    if (key === end) break
    setField(out, key, object[key])
  }
  return out
}
