/** Writes many small shared buffers as few big ones, no faster than the reader takes them. */
import type { Writable } from 'node:stream'

const PIECE = 64 * 1024

export function writePieces(out: Writable, pieces: readonly Uint8Array[]): void {
  let next = 0
  const go = (): void => {
    while (next < pieces.length) {
      if (out.destroyed) return
      let size = 0
      const first = next
      while (next < pieces.length && (size === 0 || size + pieces[next]!.byteLength <= PIECE)) {
        size += pieces[next]!.byteLength
        next++
      }
      const chunk = next - first === 1 ? pieces[first]! : join(pieces, first, next, size)
      if (next === pieces.length) {
        out.end(chunk)
        return
      }
      if (!out.write(chunk)) {
        out.once('drain', go)
        return
      }
    }
  }
  if (pieces.length === 0) out.end()
  else go()
}

function join(pieces: readonly Uint8Array[], from: number, to: number, size: number): Buffer {
  const chunk = Buffer.allocUnsafe(size)
  let at = 0
  for (let index = from; index < to; index++) {
    chunk.set(pieces[index]!, at)
    at += pieces[index]!.byteLength
  }
  return chunk
}
