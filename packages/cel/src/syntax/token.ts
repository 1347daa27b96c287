/** What a piece of the source is. Punctuation and operators have their own text as kind. */
export type TokenKind =
  | 'int'
  | 'uint'
  | 'float'
  | 'string'
  | 'bytes'
  | 'ident'
  | 'quotedIdent'
  | 'end'
  | (typeof PUNCTUATION)[number]
  | 'in'
  | 'true'
  | 'false'
  | 'null'

/** Longest first, so that the first that fits is right. */
export const PUNCTUATION = [
  '==',
  '!=',
  '<=',
  '>=',
  '&&',
  '||',
  '<',
  '>',
  '[',
  ']',
  '{',
  '}',
  '(',
  ')',
  '.',
  ',',
  '-',
  '!',
  '?',
  ':',
  '+',
  '*',
  '/',
  '%',
] as const

/** A piece of the source, with its offset in code points. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly offset: number
}
