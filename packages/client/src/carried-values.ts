/**
 * Bytes that know what they say. Where server and client are one process, the value that bytes were made of goes with them, so
 * that one event is decoded once for all who watch, or not at all. Whoever looks at the bytes alone sees no difference.
 */
const VALUE: unique symbol = Symbol('value')

interface Carrier {
  [VALUE]?: () => unknown
}

/**
 * Lets `bytes` carry what parsing them as JSON would give (for pieces of a watch: the list of their events). `value` is asked when
 * somebody wants to know, and may answer undefined: then only the text tells. What it answers is shared and never changed.
 */
export function carry(bytes: Uint8Array, value: () => unknown): void {
  ;(bytes as Carrier)[VALUE] = value
}

/** What the bytes carry; undefined where that is nothing. Shared: never change it. */
export const carriedBy = (bytes: Uint8Array): unknown => (bytes as Carrier)[VALUE]?.()
