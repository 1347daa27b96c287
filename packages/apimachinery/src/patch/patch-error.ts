import { isObject, type JsonObject } from '../json/json-object.ts'
import { jsonKind } from '../schema/decode-scalars.ts'

/**
 * What kind of failure: the patch is no patch (400), is too big (413), or does not fit the object (422). Upstream gives most
 * failures of strategic merge patches no status of their own (500, with the message): `unclassified`.
 */
export type PatchErrorKind = 'malformed' | 'tooLarge' | 'unprocessable' | 'unclassified'

/** A patch could not be applied. Nothing was changed. */
export class PatchError extends Error {
  readonly kind: PatchErrorKind
  constructor(kind: PatchErrorKind, message: string) {
    super(message)
    this.name = 'PatchError'
    this.kind = kind
  }
}

/** The field's value, absent where the object only inherits it. */
export const fieldOf = (object: JsonObject, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined

/** A value as Go's `%v` prints it, for messages that upstream words that way. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (!isObject(value)) return String(value)
  const keys = Object.keys(value).sort()
  return `map[${keys.map(key => `${key}:${goText(value[key])}`).join(' ')}]`
}

/** The same as `%s` prints it: what is no text is told to be none. */
export function goWord(value: unknown): string {
  if (value === null || value === undefined) return '%!s(<nil>)'
  if (Array.isArray(value)) return `[${value.map(goWord).join(' ')}]`
  if (isObject(value)) {
    const keys = Object.keys(value).sort()
    return `map[${keys.map(key => `${key}:${goWord(value[key])}`).join(' ')}]`
  }
  if (typeof value === 'string') return value
  const type = typeof value === 'boolean' ? 'bool' : Number.isInteger(Number(value)) ? 'int64' : 'float64'
  return `%!s(${type}=${String(value)})`
}

/** What Go's decoder says of a value that is not what it should be. */
export const notOfType = (value: unknown, type: string): string =>
  `json: cannot unmarshal ${value === null ? 'null' : jsonKind(value)} into Go value of type ${type}`
