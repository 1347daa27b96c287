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
      const wrong = unrecognized(text, at)
      problems.push({ offset, text: wrong })
      at += wrong.length
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

const PARTIAL_ESCAPE = /\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?/y

/**
 * What cannot be a token: as much as could have begun one, and the character that shows that it does not. So upstream's
 * generated lexer cuts it off, and goes on behind it.
 */
function unrecognized(text: string, at: number): string {
  const first = String.fromCodePoint(text.codePointAt(at)!)
  let end = at + first.length
  if (first === '"' || first === "'") {
    const body = new RegExp(String.raw`${first}(?:${ESCAPE}|[^\\${first}\n\r])*`, 'y')
    body.lastIndex = at
    end = at + body.exec(text)![0].length
    PARTIAL_ESCAPE.lastIndex = end
    end += PARTIAL_ESCAPE.exec(text)?.[0].length ?? 0
  } else if (!'|&=`'.includes(first)) {
    return first
  }
  const next = text.codePointAt(end)
  return text.slice(at, end) + (next === undefined ? '' : String.fromCodePoint(next))
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
