/**
 * Frames of an initial state joined into pieces. Thousands of megabytes may go out this way; fresh memory for every piece
 * would keep the collector busy with what it has to look at besides, so pieces are used again once they have left.
 */

const PIECE = 256 * 1024
const MOST_SPARE = 32
const spare: Buffer[] = []
/** Memory that was taken for pieces: a frame of the same size is somebody else's. */
const ours = new WeakSet<ArrayBufferLike>()

/** Frames in pieces of at most 256 KB, none of them split; bigger ones alone. Each piece may be given back with `release`. */
export function* joinedFrames(frames: Iterable<Uint8Array>): Generator<Uint8Array> {
  let piece: Buffer | undefined
  let size = 0
  for (const frame of frames) {
    const length = frame.byteLength
    if (piece !== undefined && size + length > PIECE) {
      yield piece.subarray(0, size)
      piece = undefined
    }
    if (length > PIECE) {
      yield frame
      continue
    }
    if (piece === undefined) {
      piece = spare.pop() ?? Buffer.allocUnsafeSlow(PIECE)
      ours.add(piece.buffer)
      size = 0
    }
    piece.set(frame, size)
    size += length
  }
  if (piece !== undefined) yield piece.subarray(0, size)
}

/** Nobody looks at this piece any more. Anything else than a piece is left alone. */
export function release(piece: Uint8Array): void {
  const { buffer, byteOffset } = piece
  if (byteOffset !== 0 || buffer.byteLength !== PIECE || !ours.has(buffer) || spare.length >= MOST_SPARE) return
  spare.push(Buffer.from(buffer))
}
