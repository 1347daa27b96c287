/**
 * Reads protobuf's text format, as far as CEL's published tests use it: every field is a list of what was written under its
 * name. Scalars stay texts, strings are bytes (`Uint8Array`), messages are again such objects.
 */
export interface Message {
  readonly [field: string]: readonly Field[]
}
export type Field = Message | Uint8Array | string

const TOKEN = /\s+|#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z0-9_.+-]+|[{}[\]:,;<>/]/sy

export function parseTextProto(text: string): Message {
  const tokens = tokenize(text)
  let at = 0

  const message = (end: string | undefined): Message => {
    const fields: Record<string, Field[]> = {}
    while (tokens[at] !== end) {
      const name = fieldName()
      if (tokens[at] === ':') at++
      const into = fields[name] ?? []
      fields[name] = into
      if (tokens[at] === '[') {
        at++
        while (tokens[at] !== ']') {
          into.push(value())
          if (tokens[at] === ',') at++
        }
        at++
      } else into.push(value())
      if (tokens[at] === ',' || tokens[at] === ';') at++
    }
    at++
    return fields
  }

  /** A name, or `[a.b/c]` for an extension or the type of an Any. */
  const fieldName = (): string => {
    if (tokens[at] !== '[') return tokens[at++]!
    const start = at
    while (tokens[at] !== ']') at++
    at++
    return tokens.slice(start, at).join('')
  }

  const value = (): Field => {
    const token = tokens[at++]!
    if (token === '{' || token === '<') return message(token === '{' ? '}' : '>')
    if (!/^["']/.test(token)) return token
    const parts = [unquote(token)]
    while (/^["']/.test(tokens[at] ?? '')) parts.push(unquote(tokens[at++]!))
    return Uint8Array.from(parts.flat())
  }

  return message(undefined)
}

function tokenize(text: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex
    const token = TOKEN.exec(text)?.[0]
    if (token === undefined)
      throw new Error(`cannot read the text format at ${start}: ${text.slice(start, start + 20)}`)
    if (!/^[\s#]/.test(token)) tokens.push(token)
  }
  return tokens
}

const simple: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 }

function unquote(token: string): number[] {
  const encoder = new TextEncoder()
  const pieces =
    token.slice(1, -1).match(/\\(?:[0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|[^\\]+/gs) ?? []
  return pieces.flatMap(piece => {
    if (!piece.startsWith('\\')) return [...encoder.encode(piece)]
    const body = piece.slice(1)
    if (/^[0-7]/.test(body)) return [Number.parseInt(body, 8)]
    if (/^[xX]/.test(body)) return [Number.parseInt(body.slice(1), 16)]
    if (/^[uU]/.test(body)) return [...encoder.encode(String.fromCodePoint(Number.parseInt(body.slice(1), 16)))]
    return [simple[body] ?? body.charCodeAt(0)]
  })
}

/** The one message under a name. */
export function messageOf(message: Message, field: string): Message | undefined {
  const found = message[field]?.[0]
  return found === undefined || typeof found === 'string' || found instanceof Uint8Array ? undefined : found
}

/** All messages under a name. */
export function messagesOf(message: Message, field: string): readonly Message[] {
  return (message[field] ?? []).filter(
    (found): found is Message => typeof found !== 'string' && !(found instanceof Uint8Array),
  )
}

/** The one string or scalar under a name. */
export function textOf(message: Message, field: string): string | undefined {
  const found = message[field]?.[0]
  if (found instanceof Uint8Array) return new TextDecoder().decode(found)
  return typeof found === 'string' ? found : undefined
}
