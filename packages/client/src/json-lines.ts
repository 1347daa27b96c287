/** The framing of a JSON watch: one document per line, lines cut anywhere by the chunks that carry them. */

const NEWLINE = 0x0a

/** Joins chunks to the text of whole lines. */
export class LineReader {
  readonly #decoder = new TextDecoder('utf-8')
  #parts: Uint8Array[] = []

  /** Whether the last line is not complete yet. */
  get inLine(): boolean {
    return this.#parts.length > 0
  }

  /** The lines that end in this chunk, without those that are blank. */
  *read(chunk: Uint8Array): Generator<string, void, undefined> {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      this.#parts.push(chunk.subarray(from, at))
      const line = this.#decoder.decode(join(this.#parts))
      this.#parts = []
      from = at + 1
      if (line.trim() !== '') yield line
    }
    if (from < chunk.length) this.#parts.push(chunk.subarray(from))
  }
}

/** Joins chunks and yields the text of every whole line; a last line without its newline is dropped (the stream was cut). */
export async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = new LineReader()
  for await (const chunk of chunks) yield* reader.read(chunk)
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
