import { PUNCTUATION, type Token, type TokenKind } from './token.ts'

/** A character, or an unfinished literal, that starts no token. */
export interface LexicalProblem {
  readonly offset: number
  readonly text: string
}

const SPACE = /(?:[\t \r\n\f]+|\/\/[^\n]*)+/y
const NUMBER = /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|0x[0-9a-fA-F]+[uU]?|\d+[uU]?/y
const ESCAPE = String.raw`\\(?:[abfnrtv"'\\?\x60]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`
const STRING = new RegExp(
  [
    String.raw`[bB]?[rR](?:"""[^]*?"""|'''[^]*?'''|"[^"\n\r]*"|'[^'\n\r]*')`,
    String.raw`[bB]?(?:"""(?:${ESCAPE}|[^\\])*?"""|'''(?:${ESCAPE}|[^\\])*?''')`,
    String.raw`[bB]?(?:"(?:${ESCAPE}|[^\\"\n\r])*"|'(?:${ESCAPE}|[^\\'\n\r])*')`,
  ].join('|'),
  'y',
)
const IDENT = /[A-Za-z_][A-Za-z0-9_]*/y
const QUOTED_IDENT = /`[A-Za-z0-9_.\-/ ]+`/y

const words = new Set(['in', 'true', 'false', 'null'])

/** Takes a source apart. Grammar: cel-go parser/gen/CEL.g4. */
export function tokenize(text: string): { tokens: Token[]; problems: LexicalProblem[] } {
  const tokens: Token[] = []
  const problems: LexicalProblem[] = []
  const offsets = codePointOffsets(text)
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }
  while (at < text.length) {
    const space = take(SPACE)
    if (space !== undefined) {
      at += space.length
      continue
    }
    const offset = offsets(at)
    const token = nextToken(text, at, take)
    if (token === undefined) {
      const char = String.fromCodePoint(text.codePointAt(at)!)
      problems.push({ offset, text: unfinished(text, at) ?? char })
      at += problems.at(-1)!.text.length
      continue
    }
    tokens.push({ kind: token.kind, text: token.text, offset })
    at += token.text.length
  }
  tokens.push({ kind: 'end', text: '<EOF>', offset: offsets(text.length) })
  return { tokens, problems }
}

function nextToken(
  text: string,
  at: number,
  take: (pattern: RegExp) => string | undefined,
): { kind: TokenKind; text: string } | undefined {
  const literal = take(STRING)
  if (literal !== undefined) return { kind: /^[bB]/.test(literal) ? 'bytes' : 'string', text: literal }
  const number = take(NUMBER)
  if (number !== undefined) return { kind: numberKind(number), text: number }
  const ident = take(IDENT)
  if (ident !== undefined) return { kind: words.has(ident) ? (ident as TokenKind) : 'ident', text: ident }
  const quoted = take(QUOTED_IDENT)
  if (quoted !== undefined) return { kind: 'quotedIdent', text: quoted }
  const mark = PUNCTUATION.find(candidate => text.startsWith(candidate, at))
  return mark === undefined ? undefined : { kind: mark, text: mark }
}

function numberKind(text: string): TokenKind {
  if (/[uU]$/.test(text)) return 'uint'
  return /^0x/.test(text) || /^\d+$/.test(text) ? 'int' : 'float'
}

/** A string that does not end: the lexer gives up on all of it up to where it cannot be a string any longer. */
function unfinished(text: string, at: number): string | undefined {
  if (!/["']/.test(text[at]!)) return undefined
  const quote = text[at]!
  const rest = text.slice(at)
  const body = new RegExp(String.raw`^${quote}(?:${ESCAPE}|[^\\${quote}\n\r])*`).exec(rest)
  return body?.[0]
}

/** Offsets in code points for growing offsets in UTF-16 units. */
function codePointOffsets(text: string): (unit: number) => number {
  let unitsSeen = 0
  let points = 0
  return unit => {
    while (unitsSeen < unit) {
      const wide = text.codePointAt(unitsSeen)! > 0xffff
      unitsSeen += wide ? 2 : 1
      points++
    }
    return points
  }
}
