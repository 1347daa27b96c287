import type { Token, TokenKind } from './token.ts'

/** The source breaks the grammar at an offset in code points (undefined: nowhere in particular). */
export class SyntaxFailure extends Error {
  readonly offset: number | undefined

  constructor(message: string, offset: number | undefined) {
    super(message)
    this.offset = offset
  }
}

/** Where an expression may start, and what else may stand there. */
export type ExpressionPlace = 'anywhere' | 'first of a map' | 'first of a list' | 'first argument' | 'an index'

const REST = "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

/** What may start an expression, in the words and the order of upstream's messages. */
const expressionStarts: Readonly<Record<ExpressionPlace, string>> = {
  anywhere: `{'[', '{', '(', '.', '-', '!', ${REST}`,
  'first of a map': `{'[', '{', '}', '(', '.', ',', '-', '!', '?', ${REST}`,
  'first of a list': `{'[', ']', '{', '(', '.', ',', '-', '!', '?', ${REST}`,
  'first argument': `{'[', '{', '(', ')', '.', '-', '!', ${REST}`,
  'an index': `{'[', '{', '(', '.', '-', '!', '?', ${REST}`,
}

const FIELD_START = "{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}"

const starts: ReadonlySet<TokenKind> = new Set<TokenKind>([
  '[',
  '{',
  '(',
  '.',
  '-',
  'true',
  'false',
  'null',
  'float',
  'int',
  'uint',
  'string',
  'bytes',
  'ident',
])

const names: Partial<Record<TokenKind, string>> = { ident: 'IDENTIFIER', end: '<EOF>' }
const nameOf = (kind: TokenKind): string => names[kind] ?? `'${kind}'`
const quoted = (token: Token): string => `'${token.text}'`

/** Tokens one after the other, with errors in the words of upstream's generated parser. */
export class TokenStream {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!
  }

  next(): Token {
    const token = this.peek()
    this.#at++
    return token
  }

  take(kind: TokenKind): Token | undefined {
    return this.peek().kind === kind ? this.next() : undefined
  }

  expect(kind: TokenKind): Token {
    const token = this.take(kind)
    if (token !== undefined) return token
    const found = this.peek()
    if (kind === 'ident' && (found.kind === 'true' || found.kind === 'false' || found.kind === 'null')) {
      throw new SyntaxFailure(`Syntax error: mismatched input ${quoted(found)} expecting IDENTIFIER`, found.offset)
    }
    throw this.#unexpected(nameOf(kind), next => next.kind === kind)
  }

  /** The name of a field or of a method. */
  expectName(): Token {
    const token = this.peek()
    if (token.kind === 'ident' || token.kind === 'quotedIdent') return this.next()
    if (token.kind === 'true' || token.kind === 'false' || token.kind === 'null') return this.expect('ident')
    if (token.kind === 'end') throw new SyntaxFailure("Syntax error: no viable alternative at input '.'", token.offset)
    throw new SyntaxFailure(`Syntax error: no viable alternative at input '.${token.text}'`, token.offset)
  }

  expectEnd(): void {
    const token = this.peek()
    if (token.kind !== 'end') throw this.#unexpected('<EOF>', next => next.kind === 'end')
  }

  /** The name of a field of an object that is made. */
  expectField(): Token {
    const token = this.peek()
    if (token.kind === 'ident' || token.kind === 'quotedIdent') return this.next()
    throw this.#unexpected(FIELD_START, next => next.kind === 'ident' || next.kind === 'quotedIdent')
  }

  /** The first token of a primary expression, taken. */
  expressionStart(): Token {
    const token = this.peek()
    if (starts.has(token.kind)) return this.next()
    this.expectStart('anywhere')
    return this.next()
  }

  /** Fails where no expression starts, in words for the place. Nothing is taken. */
  expectStart(place: ExpressionPlace): void {
    const { kind } = this.peek()
    if (starts.has(kind) || kind === '!') return
    throw this.#unexpected(expressionStarts[place], next => starts.has(next.kind))
  }

  /** A token too many, if what is behind it would have been right; otherwise the wrong token. */
  #unexpected(expected: string, fits: (token: Token) => boolean): SyntaxFailure {
    const token = this.peek()
    const word = token.kind !== 'end' && fits(this.peek(1)) ? 'extraneous' : 'mismatched'
    return new SyntaxFailure(`Syntax error: ${word} input ${quoted(token)} expecting ${expected}`, token.offset)
  }
}
