/**
 * Lists and maps that a body gave without entries. To most they are not there: Go neither writes nor stores them. Upstream's validation
 * and defaults see them all the same, and so can ours: an object remembers them beside its fields, out of sight of everybody who does
 * not ask. Copies by spreading keep them; what was written and read again has none.
 */
const EMPTY = Symbol('given empty')

type Empty = readonly never[] | Readonly<Record<string, never>>
type Noting = { [EMPTY]?: Record<string, Empty> }

/** Remembers that the field was given, and had nothing in it. */
export function noteEmpty(object: object, field: string, value: Empty): void {
  const noting = object as Noting
  noting[EMPTY] = { ...noting[EMPTY], [field]: value }
}

/** Whether the field was given without entries. Nobody knows that of what comes from the store. */
export const isGivenEmpty = (object: object | undefined | null, field: string): boolean =>
  (object as Noting | undefined | null)?.[EMPTY]?.[field] !== undefined

/** The field as it was given: also where it has no entries. */
export function givenField<T extends object, K extends keyof T & string>(object: T, field: K): T[K] | undefined {
  return object[field] ?? ((object as Noting)[EMPTY]?.[field] as T[K] | undefined)
}
