import type { Ast, Expr, MapEntry, StructField } from '../ast.ts'
import { Double, Uint } from '../values/value.ts'
import { MacroBuilder, MacroError, NodeIds } from './builder.ts'
import { tokenize } from './lexer.ts'
import { type Macro, macroKey } from './macro.ts'
import { type Issue, NO_LOCATION, type Source } from './source.ts'
import type { Token, TokenKind } from './token.ts'
import { SyntaxFailure, TokenStream } from './token-stream.ts'
import { unescapeBytes, unescapeString } from './unescape.ts'

export interface ParserOptions {
  readonly macros: ReadonlyMap<string, Macro>
  /** `a.?b`, `a[?b]`, `[?a]`, `{?a: b}`. */
  readonly optionalSyntax: boolean
  /** `` a.`b-c` ``. */
  readonly quotedFields: boolean
}

const MAX_CODE_POINTS = 100_000
const MAX_DEPTH = 250

const reserved = new Set(
  'as break const continue else false for function if import in let loop package namespace null return true var void while'.split(
    ' ',
  ),
)

const relations = new Map<TokenKind, string>([
  ['<', '_<_'],
  ['<=', '_<=_'],
  ['>', '_>_'],
  ['>=', '_>=_'],
  ['==', '_==_'],
  ['!=', '_!=_'],
  ['in', '@in'],
])
const sums = new Map<TokenKind, string>([
  ['+', '_+_'],
  ['-', '_-_'],
])
const products = new Map<TokenKind, string>([
  ['*', '_*_'],
  ['/', '_/_'],
  ['%', '_%_'],
])

/**
 * Reads an expression and expands its macros. With issues, the tree is of no use. Grammar and texts: cel-go parser/; after
 * the first error in the grammar it gives up, where upstream goes on and reports what follows from it, too.
 */
export function parse(source: Source, options: ParserOptions): { ast?: Ast; issues: Issue[] } {
  const size = source.codePoints.length
  if (size > MAX_CODE_POINTS) {
    const message = `expression code point size exceeds limit: size: ${size}, limit ${MAX_CODE_POINTS}`
    return { issues: [{ message, location: NO_LOCATION, exprId: 0 }] }
  }
  const { tokens, problems } = tokenize(source.text)
  const issues: Issue[] = problems.map(({ offset, text }) => ({
    message: `Syntax error: token recognition error at: '${text}'`,
    location: source.location(offset),
    exprId: 0,
  }))
  const parser = new Parser(source, new TokenStream(tokens), options, issues)
  const expr = parser.run()
  if (expr === undefined || issues.length > 0) return { issues }
  return { ast: { source, expr, positions: parser.ids.positions }, issues }
}

class Parser {
  readonly ids = new NodeIds()
  readonly #source: Source
  readonly #tokens: TokenStream
  readonly #options: ParserOptions
  readonly #issues: Issue[]
  #depth = 0

  constructor(source: Source, tokens: TokenStream, options: ParserOptions, issues: Issue[]) {
    this.#source = source
    this.#tokens = tokens
    this.#options = options
    this.#issues = issues
  }

  run(): Expr | undefined {
    try {
      const expr = this.#expr()
      this.#tokens.expectEnd()
      return expr
    } catch (error) {
      if (!(error instanceof SyntaxFailure)) throw error
      const location = error.offset === undefined ? NO_LOCATION : this.#source.location(error.offset)
      this.#issues.push({ message: error.message, location, exprId: 0 })
      return undefined
    }
  }

  #report(offset: number, message: string, exprId = 0): Expr {
    this.#issues.push({ message, location: this.#source.location(offset), exprId })
    return { kind: 'literal', id: this.ids.at(offset), value: null }
  }

  #deeper<T>(read: () => T): T {
    this.#depth++
    if (this.#depth > MAX_DEPTH) throw new SyntaxFailure(`expression recursion limit exceeded: ${MAX_DEPTH}`, undefined)
    const result = read()
    this.#depth--
    return result
  }

  #expr(): Expr {
    return this.#deeper(() => {
      const condition = this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()))
      const mark = this.#tokens.take('?')
      if (mark === undefined) return condition
      const id = this.ids.at(mark.offset)
      const truthy = this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()))
      this.#tokens.expect(':')
      const falsy = this.#expr()
      return { kind: 'call', id, name: '_?_:_', args: [condition, truthy, falsy] }
    })
  }

  /** Terms joined by `&&` or `||`: a balanced tree, so that long chains are not deep. */
  #logical(operator: TokenKind, name: string, term: () => Expr): Expr {
    const terms = [term()]
    const ids: number[] = []
    for (let mark = this.#tokens.take(operator); mark !== undefined; mark = this.#tokens.take(operator)) {
      terms.push(term())
      ids.push(this.ids.at(mark.offset))
    }
    return terms.length === 1 ? terms[0]! : balance(name, terms, ids, 0, ids.length - 1)
  }

  #relation(): Expr {
    return this.#leftToRight(relations, () =>
      this.#leftToRight(sums, () => this.#leftToRight(products, () => this.#unary())),
    )
  }

  #leftToRight(operators: ReadonlyMap<TokenKind, string>, operand: () => Expr): Expr {
    let left = operand()
    let chain = 0
    for (;;) {
      const name = operators.get(this.#tokens.peek().kind)
      if (name === undefined) return left
      chain++
      if (chain > MAX_DEPTH) throw new SyntaxFailure('max recursion depth exceeded', undefined)
      const id = this.ids.at(this.#tokens.next().offset)
      left = { kind: 'call', id, name, args: [left, operand()] }
    }
  }

  #unary(): Expr {
    const first = this.#tokens.peek()
    if (first.kind !== '!' && first.kind !== '-') return this.#member(this.#primary())
    let count = 0
    while (this.#tokens.peek().kind === first.kind) {
      // The minus in front of a number is part of the literal.
      const literal = first.kind === '-' && ['int', 'float'].includes(this.#tokens.peek(1).kind)
      if (literal) break
      this.#tokens.next()
      count++
    }
    // A minus may begin a number or be an operator, which upstream cannot tell at the end.
    const end = this.#tokens.peek()
    if (first.kind === '-' && end.kind === 'end') {
      this.#report(end.offset, `Syntax error: no viable alternative at input '${'-'.repeat(count)}'`)
    }
    const id = count % 2 === 1 ? this.ids.at(first.offset) : 0
    const operand = this.#member(this.#primary())
    if (count % 2 === 0) return operand
    return { kind: 'call', id, name: first.kind === '!' ? '!_' : '-_', args: [operand] }
  }

  #member(operand: Expr): Expr {
    let expr = operand
    for (let chain = 0; ; chain++) {
      if (chain > MAX_DEPTH) throw new SyntaxFailure('max recursion depth exceeded', undefined)
      const mark = this.#tokens.peek()
      if (mark.kind === '.') expr = this.#select(expr)
      else if (mark.kind === '[') expr = this.#index(expr)
      else return expr
    }
  }

  #select(operand: Expr): Expr {
    const dot = this.#tokens.next()
    const optional = this.#tokens.take('?')
    const name = this.#tokens.expectName()
    const open = optional === undefined && name.kind === 'ident' ? this.#tokens.take('(') : undefined
    if (open !== undefined) {
      const id = this.ids.at(open.offset)
      return this.#callOrMacro(id, name.text, operand, this.#arguments())
    }
    const field = this.#fieldName(name)
    if (optional === undefined) return { kind: 'select', id: this.ids.at(dot.offset), operand, field, testOnly: false }
    if (!this.#options.optionalSyntax) return this.#report(dot.offset, "unsupported syntax '.?'")
    const fieldName: Expr = { kind: 'literal', id: this.ids.at(name.offset), value: field }
    return { kind: 'call', id: this.ids.at(dot.offset), name: '_?._', args: [operand, fieldName] }
  }

  #fieldName(token: Token): string {
    if (token.kind !== 'quotedIdent') return token.text
    if (!this.#options.quotedFields) this.#report(token.offset, "unsupported syntax: '`'")
    return token.text.slice(1, -1)
  }

  #index(operand: Expr): Expr {
    const open = this.#tokens.next()
    const optional = this.#tokens.take('?')
    const id = this.ids.at(open.offset)
    if (optional === undefined) this.#tokens.expectStart('an index')
    const index = this.#expr()
    this.#tokens.expect(']')
    if (optional !== undefined && !this.#options.optionalSyntax)
      return this.#report(open.offset, "unsupported syntax '[?'")
    return { kind: 'call', id, name: optional === undefined ? '_[_]' : '_[?_]', args: [operand, index] }
  }

  #primary(): Expr {
    const token = this.#tokens.expressionStart()
    switch (token.kind) {
      case '(': {
        const expr = this.#expr()
        this.#tokens.expect(')')
        return expr
      }
      case '[':
        return this.#list(token)
      case '{':
        return { kind: 'map', id: this.ids.at(token.offset), entries: this.#mapEntries() }
      case '.':
        return this.#name(this.#tokens.expect('ident'), token)
      case 'ident':
        return this.#name(token)
      default:
        return this.#literal(token)
    }
  }

  /** A name, a call of a function, or `a.b.C{...}`. */
  #name(name: Token, dot?: Token): Expr {
    const prefix = dot === undefined ? '' : '.'
    const start = (dot ?? name).offset
    const typeName = this.#messageName(name)
    if (typeName !== undefined) return this.#struct(prefix + typeName)
    if (reserved.has(name.text)) return this.#report(start, `reserved identifier: ${name.text}`)
    const open = this.#tokens.take('(')
    if (open === undefined) return { kind: 'ident', id: this.ids.at(name.offset), name: prefix + name.text }
    return this.#callOrMacro(this.ids.at(open.offset), prefix + name.text, undefined, this.#arguments())
  }

  /** The dotted name that a `{` follows, taken; otherwise nothing is taken. */
  #messageName(first: Token): string | undefined {
    const names = [first.text]
    let ahead = 0
    while (this.#tokens.peek(ahead).kind === '.' && this.#tokens.peek(ahead + 1).kind === 'ident') {
      names.push(this.#tokens.peek(ahead + 1).text)
      ahead += 2
    }
    if (this.#tokens.peek(ahead).kind !== '{') return undefined
    for (let i = 0; i < ahead; i++) this.#tokens.next()
    return names.join('.')
  }

  #struct(typeName: string): Expr {
    const open = this.#tokens.next()
    const id = this.ids.at(open.offset)
    const fields: StructField[] = []
    while (this.#tokens.take('}') === undefined) {
      const optional = this.#optionalMark()
      const name = this.#tokens.expectField()
      const fieldId = this.ids.at(this.#tokens.expect(':').offset)
      fields.push({ id: fieldId, name: this.#fieldName(name), value: this.#expr(), optional })
      if (this.#tokens.take(',') === undefined) {
        this.#tokens.expect('}')
        break
      }
    }
    return { kind: 'struct', id, typeName, fields }
  }

  #optionalMark(): boolean {
    const mark = this.#tokens.take('?')
    if (mark !== undefined && !this.#options.optionalSyntax) this.#report(mark.offset, "unsupported syntax '?'")
    return mark !== undefined
  }

  #list(open: Token): Expr {
    const id = this.ids.at(open.offset)
    const elements: Expr[] = []
    const optional: number[] = []
    while (this.#tokens.take(']') === undefined) {
      if (this.#optionalMark()) optional.push(elements.length)
      else if (elements.length === 0) this.#tokens.expectStart('first of a list')
      elements.push(this.#expr())
      if (this.#tokens.take(',') === undefined) {
        this.#tokens.expect(']')
        break
      }
    }
    return { kind: 'list', id, elements, optional }
  }

  #mapEntries(): MapEntry[] {
    const entries: MapEntry[] = []
    while (this.#tokens.take('}') === undefined) {
      const optional = this.#optionalMark()
      if (!optional && entries.length === 0) this.#tokens.expectStart('first of a map')
      const key = this.#expr()
      const id = this.ids.at(this.#tokens.expect(':').offset)
      entries.push({ id, key, value: this.#expr(), optional })
      if (this.#tokens.take(',') === undefined) {
        this.#tokens.expect('}')
        break
      }
    }
    return entries
  }

  #arguments(): Expr[] {
    const args: Expr[] = []
    if (this.#tokens.take(')') !== undefined) return args
    this.#tokens.expectStart('first argument')
    for (;;) {
      args.push(this.#expr())
      if (this.#tokens.take(',') === undefined) break
    }
    this.#tokens.expect(')')
    return args
  }

  #callOrMacro(id: number, name: string, target: Expr | undefined, args: readonly Expr[]): Expr {
    const macro = this.#options.macros.get(macroKey(name, args.length, target !== undefined))
    if (macro !== undefined) {
      const offset = this.ids.offsetOf(id)
      try {
        const expanded = macro.expand(new MacroBuilder(this.ids, offset), target, args)
        if (expanded !== undefined) return expanded
      } catch (error) {
        if (!(error instanceof MacroError)) throw error
        return this.#report(this.ids.offsetOf(error.exprId), error.message, error.exprId)
      }
    }
    return target === undefined ? { kind: 'call', id, name, args } : { kind: 'call', id, name, target, args }
  }

  #literal(token: Token): Expr {
    const number = token.kind === '-' ? this.#tokens.next() : token
    const text = number === token ? token.text : `-${number.text}`
    const id = this.ids.at(token.offset)
    switch (number.kind) {
      case 'int': {
        const value = readInteger(text)
        if (value < -(2n ** 63n) || value >= 2n ** 63n) return this.#report(token.offset, 'invalid int literal')
        return { kind: 'literal', id, value: Number.isSafeInteger(Number(value)) ? Number(value) : value }
      }
      case 'uint': {
        const value = readInteger(text.slice(0, -1))
        if (value >= 2n ** 64n) return this.#report(token.offset, 'invalid uint literal')
        return { kind: 'literal', id, value: new Uint(value) }
      }
      case 'float': {
        const value = Number(text)
        if (!Number.isFinite(value)) return this.#report(token.offset, 'invalid double literal')
        return { kind: 'literal', id, value: new Double(value) }
      }
      case 'string': {
        const value = unescapeString(text)
        return value === undefined
          ? this.#report(token.offset, 'invalid unicode code point')
          : { kind: 'literal', id, value }
      }
      case 'bytes': {
        const value = unescapeBytes(text.slice(1))
        return value === undefined
          ? this.#report(token.offset, 'unable to unescape string')
          : { kind: 'literal', id, value }
      }
      default:
        return { kind: 'literal', id, value: number.kind === 'null' ? null : number.kind === 'true' }
    }
  }
}

function balance(name: string, terms: readonly Expr[], ids: readonly number[], low: number, high: number): Expr {
  const middle = Math.floor((low + high + 1) / 2)
  const left = middle === low ? terms[middle]! : balance(name, terms, ids, low, middle - 1)
  const right = middle === high ? terms[middle + 1]! : balance(name, terms, ids, middle + 1, high)
  return { kind: 'call', id: ids[middle]!, name, args: [left, right] }
}

function readInteger(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
}
