/** The text is not JSON. The message is the one of Go's encoding/json, which clients of Kubernetes see. */
export class JsonSyntaxError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JsonSyntaxError'
  }
}

/** A body is no YAML. The message is the one of upstream's reader, which it tells as it is. */
export class YamlSyntaxError extends JsonSyntaxError {}

/** A character as Go shows the first byte of it: printable ones as they are, others escaped. */
export function quoteChar(text: string, at: number): string {
  const code = firstByte(text.codePointAt(at)!)
  const char = String.fromCharCode(code)
  const named: Record<string, string> = {
    "'": "\\'",
    '\\': '\\\\',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\b': '\\b',
    '\f': '\\f',
    '\v': '\\v',
    '\u0007': '\\a',
  }
  if (named[char] !== undefined) return `'${named[char]}'`
  if (code < 0x20 || code === 0x7f) return `'\\x${code.toString(16).padStart(2, '0')}'`
  if ((code >= 0x80 && code < 0xa1) || code === 0xad) return `'\\u00${code.toString(16)}'`
  return `'${char}'`
}

/** The first byte of a character in UTF-8. */
function firstByte(code: number): number {
  if (code < 0x80) return code
  if (code < 0x800) return 0xc0 | (code >> 6)
  return code < 0x10000 ? 0xe0 | (code >> 12) : 0xf0 | (code >> 18)
}
