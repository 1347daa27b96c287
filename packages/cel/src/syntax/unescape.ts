const simple: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  "'": "'",
  '\\': '\\',
  '?': '?',
  '`': '`',
}

/** What a literal (with its quotes and its `r`) stands for; undefined where an escape names no character. */
export function unescapeString(literal: string): string | undefined {
  const { body, raw } = unquote(literal)
  if (raw || !body.includes('\\')) return body
  let invalid = false
  const text = body.replace(
    /\\(?:([0-3][0-7]{2})|[xX](..)|u(.{4})|U(.{8})|(.))/gsu,
    (_, octal, hex, short, long, char) => {
      if (char !== undefined) return simple[char] ?? ''
      const point = octal !== undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex ?? short ?? long, 16)
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        invalid = true
        return ''
      }
      return String.fromCodePoint(point)
    },
  )
  return invalid ? undefined : text
}

/** The bytes of a literal without its `b`: `\x` and octal escapes are bytes, everything else is UTF-8. */
export function unescapeBytes(literal: string): Uint8Array | undefined {
  const { body, raw } = unquote(literal)
  const encoder = new TextEncoder()
  if (raw || !body.includes('\\')) return encoder.encode(body)
  const bytes: number[] = []
  for (const part of body.match(/\\(?:[0-3][0-7]{2}|[xX]..|.)|[^\\]+/gsu) ?? []) {
    const byte = /^\\(?:([0-3][0-7]{2})|[xX](..))$/s.exec(part)
    if (byte !== null) bytes.push(Number.parseInt(byte[1] ?? byte[2]!, byte[1] === undefined ? 16 : 8))
    else if (/^\\[uU]/.test(part)) return undefined
    else bytes.push(...encoder.encode(part.startsWith('\\') ? simple[part[1]!] : part))
  }
  return Uint8Array.from(bytes)
}

function unquote(literal: string): { body: string; raw: boolean } {
  const text = literal.replace(/\r\n?/g, '\n')
  const raw = /^[rR]/.test(text)
  const quoted = raw ? text.slice(1) : text
  const width = quoted.length >= 6 && /^("""|''')/.test(quoted) ? 3 : 1
  return { body: quoted.slice(width, -width), raw }
}
