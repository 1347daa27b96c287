/**
 * Bytes that know what they say. Where server and client are one process, the value that bytes were made of goes with them, so
 * that one event is decoded once for all who watch, or not at all. Whoever looks at the bytes alone sees no difference.
 */
const VALUE: unique symbol = Symbol('value')

interface Carrier {
  [VALUE]?: () => unknown
}

/** The same the other way round: a value whose bytes are made when somebody asks for them, which in one process nobody does. */
export interface LazyBytes {
  readonly byteLength: number
  /** The same each time that they are asked for. */
  bytes(): Uint8Array
  /** As what `carry` is given. */
  value(): unknown
}

/** A part of what streams bring. */
export type Piece = Uint8Array | LazyBytes

/**
 * Lets `bytes` carry what parsing them as JSON would give (for pieces of a watch: the list of their events). `value` is asked when
 * somebody wants to know, and may answer undefined: then only the text tells. What it answers is shared and never changed.
 */
export function carry(bytes: Uint8Array, value: () => unknown): void {
  ;(bytes as Carrier)[VALUE] = value
}

/** What the piece carries; undefined where that is nothing. Shared: never change it. */
export const carriedBy = (piece: Piece): unknown =>
  piece instanceof Uint8Array ? (piece as Carrier)[VALUE]?.() : piece.value()

/** What the piece says as text. Shared: never change it. */
export const bytesOfPiece = (piece: Piece): Uint8Array => (piece instanceof Uint8Array ? piece : piece.bytes())
