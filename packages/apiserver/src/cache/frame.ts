/** What one stream or many are sent: bytes that are made when the first of them wants more than to know what they say. */
import { bytesOfPiece, carriedBy, type LazyBytes, type Piece } from '@canopus/client'

export class Frame implements LazyBytes {
  readonly byteLength: number
  readonly #make: () => Uint8Array
  readonly #value: () => unknown
  #bytes: Uint8Array | undefined

  /** `make` answers `byteLength` bytes, and `value` what they say (`carry` in package `client`). */
  constructor(byteLength: number, make: () => Uint8Array, value: () => unknown) {
    this.byteLength = byteLength
    this.#make = make
    this.#value = value
  }

  bytes(): Uint8Array {
    this.#bytes ??= this.#make()
    return this.#bytes
  }

  value(): unknown {
    return this.#value()
  }
}

/** Pieces in one, which carries their events where each of them does. */
export function joined(pieces: readonly Piece[]): Piece {
  if (pieces.length === 1) return pieces[0]!
  const length = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return new Frame(
    length,
    () => Buffer.concat(pieces.map(bytesOfPiece), length),
    () => eventsOf(pieces),
  )
}

function eventsOf(pieces: readonly Piece[]): unknown[] | undefined {
  const events: unknown[] = []
  for (const piece of pieces) {
    const carried = carriedBy(piece)
    if (!Array.isArray(carried)) return undefined
    for (const event of carried) events.push(event)
  }
  return events
}
