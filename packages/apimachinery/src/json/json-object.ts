import { NumberLiteral } from './exact-reader.ts'

/** An object of parsed JSON, whatever its fields. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Whether a value of parsed JSON is an object: no list, not null. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a value that was read exactly is an object: numbers kept as their text are objects of JavaScript too. */
export const isExactObject = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && !(value instanceof NumberLiteral)
