/** Writes many small shared buffers as few big ones, no faster than the reader takes them. */
import { pipeline, type Writable } from 'node:stream'
import { createGzip } from 'node:zlib'

const CHUNK = 64 * 1024

/** Chunks that were written and can be filled again: lists of many megabytes would otherwise keep the collector busy. */
const spare: Buffer[] = []
const MAX_SPARE = 64

export function writePieces(out: Writable, pieces: readonly Uint8Array[]): void {
  const writer = new PieceWriter(out, pieces)
  writer.run()
}

/** Calls `sent` once a write has left. After an error its bytes may still be on their way: then never. */
export function whenWritten(sent: (() => void) | undefined): ((error: Error | null | undefined) => void) | undefined {
  if (sent === undefined) return undefined
  return error => {
    if (!error) sent()
  }
}

/** The same, compressed as fast as can be (level 1); what it costs is paid on other threads than the event loop's. */
export function writeCompressed(out: Writable, body: Uint8Array | readonly Uint8Array[]): void {
  const gzip = createGzip({ level: 1 })
  pipeline(gzip, out, () => {})
  writePieces(gzip, body instanceof Uint8Array ? [body] : body)
}

class PieceWriter {
  readonly #out: Writable
  readonly #pieces: readonly Uint8Array[]
  #next = 0
  /** How much of the next piece is written already. */
  #offset = 0

  constructor(out: Writable, pieces: readonly Uint8Array[]) {
    this.#out = out
    this.#pieces = pieces
  }

  run(): void {
    const out = this.#out
    while (this.#next < this.#pieces.length) {
      if (out.destroyed) return
      const chunk = spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK)
      const size = this.fill(chunk)
      const more = out.write(size === CHUNK ? chunk : chunk.subarray(0, size), error => {
        // After an error the bytes may still be on their way: then the chunk is left to the collector.
        if (!error && spare.length < MAX_SPARE) spare.push(chunk)
      })
      if (!more && this.#next < this.#pieces.length) {
        out.once('drain', () => this.run())
        return
      }
    }
    out.end()
  }

  private fill(chunk: Buffer): number {
    let at = 0
    while (at < CHUNK && this.#next < this.#pieces.length) {
      const piece = this.#pieces[this.#next]!
      const size = Math.min(piece.byteLength - this.#offset, CHUNK - at)
      if (size === 1)
        chunk[at] = piece[this.#offset]! // the commas of a list
      else chunk.set(size === piece.byteLength ? piece : piece.subarray(this.#offset, this.#offset + size), at)
      at += size
      this.#offset += size
      if (this.#offset < piece.byteLength) break
      this.#offset = 0
      this.#next++
    }
    return at
  }
}
