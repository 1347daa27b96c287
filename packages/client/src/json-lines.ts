/** The framing of a JSON watch: one document per line, lines cut anywhere by the chunks that carry them. */

const NEWLINE = 0x0a

/** Joins chunks and yields the text of every whole line; a last line without its newline is dropped (the stream was cut). */
export async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8')
  let parts: Uint8Array[] = []
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, at))
      const line = decoder.decode(join(parts))
      parts = []
      from = at + 1
      if (line.trim() !== '') yield line
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
  }
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
