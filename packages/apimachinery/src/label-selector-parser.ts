import { checkQualifiedName } from './names.ts'
import {
  newRequirement,
  type Requirement,
  type RequirementOperator,
  type Selector,
  SelectorError,
} from './selectors.ts'

interface Token {
  kind: 'word' | 'symbol' | 'error' | 'end'
  text: string
}

const symbols = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '('])
const isSymbol = (character: string): boolean => '=!(),><'.includes(character)
const isSpace = (character: string): boolean => ' \t\r\n'.includes(character)

/**
 * Splits a text into words and the longest symbols that mean something (`!=`, but `(` and `)` one by one). For upstream's lexer it ends
 * where a NUL stands.
 */
function tokenize(given: string): Token[] {
  const [text = ''] = given.split('\0', 1)
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const character = text[at]!
    if (isSpace(character)) {
      at++
    } else if (isSymbol(character)) {
      const pair = text.slice(at, at + 2)
      const symbol = symbols.has(pair) ? pair : character
      tokens.push({ kind: 'symbol', text: symbol })
      at += symbol.length
    } else {
      const start = at
      while (at < text.length && !isSymbol(text[at]!) && !isSpace(text[at]!)) at++
      tokens.push({ kind: 'word', text: text.slice(start, at) })
    }
  }
  return tokens
}

const end: Token = { kind: 'end', text: '' }
const operators: Readonly<Record<string, RequirementOperator>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
}
const OPERATORS_MESSAGE = 'in, notin, =, ==, !=, gt, lt'

class Parser {
  readonly #tokens: Token[]
  #at = 0
  constructor(text: string) {
    this.#tokens = tokenize(text)
  }
  #peek(): Token {
    return this.#tokens[this.#at] ?? end
  }
  #next(): Token {
    const token = this.#peek()
    this.#at++
    return token
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = []
    while (true) {
      const first = this.#peek()
      if (first.kind === 'end') return requirements
      if (first.kind !== 'word' && first.text !== '!') {
        throw new SelectorError(`found '${first.text}', expected: !, identifier, or 'end of string'`)
      }
      requirements.push(this.#parseRequirement())
      const separator = this.#next()
      if (separator.kind === 'end') return requirements
      if (separator.text !== ',' || separator.kind !== 'symbol') {
        throw new SelectorError(`found '${separator.text}', expected: ',' or 'end of string'`)
      }
      const following = this.#peek()
      if (following.kind !== 'word' && following.text !== '!') {
        throw new SelectorError(`found '${following.text}', expected: identifier after ','`)
      }
    }
  }

  #parseRequirement(): Requirement {
    try {
      const absent = this.#peek().text === '!'
      if (absent) this.#next()
      const key = this.#key()
      const following = this.#peek()
      const alone = following.kind === 'end' || following.text === ','
      if (alone) return newRequirement(key, absent ? '!' : 'exists', [])
      // As upstream: `!key` in front of an operator takes only the negation as the whole requirement.
      if (absent) return newRequirement(key, '!', [])
      const operator = this.#operator()
      const values = operator === 'in' || operator === 'notin' ? this.#values() : this.#exactValue()
      return newRequirement(key, operator, [...new Set(values)].sort())
    } catch (error) {
      if (error instanceof SelectorError) throw new SelectorError(`unable to parse requirement: ${error.message}`)
      throw error
    }
  }

  #key(): string {
    const token = this.#next()
    if (token.kind !== 'word') throw new SelectorError(`found '${token.text}', expected: identifier`)
    const errors = checkQualifiedName(token.text)
    if (errors.length > 0) {
      throw new SelectorError(`<nil>: Invalid value: ${JSON.stringify(token.text)}: ${errors.join('; ')}`)
    }
    return token.text
  }

  #operator(): RequirementOperator {
    const { text } = this.#next()
    const operator = Object.hasOwn(operators, text) ? operators[text] : undefined
    if (operator === undefined) throw new SelectorError(`found '${text}', expected: ${OPERATORS_MESSAGE}`)
    return operator
  }

  #exactValue(): string[] {
    const token = this.#peek()
    if (token.kind === 'end' || token.text === ',') return ['']
    this.#next()
    if (token.kind !== 'word') throw new SelectorError(`found '${token.text}', expected: identifier`)
    return [token.text]
  }

  /** `(a,,b)`: between two commas, and where there is nothing at all, stands the empty value. */
  #values(): string[] {
    const open = this.#next()
    if (open.text !== '(') throw new SelectorError(`found '${open.text}' expected: '('`)
    const first = this.#peek()
    if (first.kind !== 'word' && first.text !== ',' && first.text !== ')') {
      throw new SelectorError(`found '${first.text}', expected: ',', ')' or identifier`)
    }
    const values: string[] = []
    let value = ''
    while (true) {
      const token = this.#next()
      if (token.kind === 'word' && value === '') {
        value = token.text
        const following = this.#peek().text
        if (following !== ',' && following !== ')') {
          throw new SelectorError(`found '${following}', expected: ',' or ')'`)
        }
      } else if (token.text === ',' || token.text === ')') {
        values.push(value)
        value = ''
        if (token.text === ')') return values
      } else {
        throw new SelectorError(`found '${token.text}', expected: ',', or identifier`)
      }
    }
  }
}

/**
 * Parses a label selector as `kubectl -l` and the `labelSelector` parameter take it. Throws `SelectorError` with upstream's
 * message (k8s.io/apimachinery/pkg/labels/selector.go). The empty text selects everything.
 */
export function parseLabelSelector(text: string): Selector {
  return new Parser(text).parse().sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}
