import { MAX_DEPTH } from './depth.ts'
import { JsonSyntaxError, quoteChar } from './syntax-error.ts'

/** A number that a JavaScript number may not show as it was written: a fraction, an exponent, or beyond 2^53. */
export class NumberLiteral {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }

  /** An integer of 64 bits stays exact (as bigint where needed), anything else becomes a float, as in Go's untyped decoding. */
  toValue(): number | bigint {
    if (!this.text.includes('.') && /^-?\d+$/.test(this.text)) {
      const exact = BigInt(this.text)
      if (BigInt.asIntN(64, exact) === exact) return toSmallest(exact)
    }
    return Number(this.text)
  }
}

/** A number where it is exact as one, else the bigint itself. */
export function toSmallest(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

export interface Duplicate {
  name: string
  /** How many fields of the object the text had named when it named this one again. */
  after: number
}

export interface ExactJson {
  value: unknown
  /** For objects that name a field more than once: the names, each once. The last value is the one kept. */
  duplicates: ReadonlyMap<object, readonly Duplicate[]>
}

/**
 * Reads JSON keeping what JSON.parse loses: which fields were given twice, and how numbers were written (`NumberLiteral`).
 * Throws JsonSyntaxError with Go's message. Slower than JSON.parse: `decodeObject` uses it where the text asks for it.
 */
export function readExactJson(text: string): ExactJson {
  return new Reader(text).read()
}

const IN_LITERAL = /^(?:in (?:literal|numeric|exponent|string escape|\\u)|after decimal)/
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** An object or list that is being read. */
interface Opened {
  readonly value: Record<string, unknown> | unknown[]
  /** Whose value comes next, and how many fields there are before it. */
  key: string
  named: number
}

const OPENED: unique symbol = Symbol('opened')

class Reader {
  private at = 0
  private readonly open: Opened[] = []
  private readonly text: string
  private readonly duplicates = new Map<object, Duplicate[]>()

  constructor(text: string) {
    this.text = text
  }

  read(): ExactJson {
    const value = this.value()
    this.space()
    if (this.at < this.text.length) this.fail('after top-level value')
    return { value, duplicates: this.duplicates }
  }

  private fail(context: string): never {
    if (this.at >= this.text.length) {
      // Go asks at the end whether a space may follow, and complains about that space inside of literals.
      if (!IN_LITERAL.test(context)) throw new JsonSyntaxError('unexpected end of JSON input')
      throw new JsonSyntaxError(`invalid character ' ' ${context}`)
    }
    throw new JsonSyntaxError(`invalid character ${quoteChar(this.text, this.at)} ${context}`)
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.at++
    }
  }

  /** A value, with all that is in it. Does not call itself: texts nest deeper than JavaScript's stack reaches. */
  private value(): unknown {
    for (;;) {
      let value = this.beginning()
      if (value === OPENED) continue
      for (;;) {
        const around = this.open.at(-1)
        if (around === undefined) return value
        if (!this.take(around, value)) break
        this.open.pop()
        value = around.value
      }
    }
  }

  /** A value without others in it, or `OPENED` where one with others has begun. */
  private beginning(): unknown {
    this.space()
    switch (this.text[this.at]) {
      case '{':
        return this.enter({}, '}')
      case '[':
        return this.enter([], ']')
      case '"':
        return this.string()
      case 't':
        return this.literal('true', true)
      case 'f':
        return this.literal('false', false)
      case 'n':
        return this.literal('null', null)
      default:
        return this.number()
    }
  }

  private enter(value: Record<string, unknown> | unknown[], end: string): unknown {
    if (this.open.length === MAX_DEPTH) this.fail('exceeded max depth')
    this.at++
    this.space()
    if (this.text[this.at] === end) {
      this.at++
      return value
    }
    const opened: Opened = { value, key: '', named: 0 }
    if (!Array.isArray(value)) this.key(opened)
    this.open.push(opened)
    return OPENED
  }

  private key(opened: Opened): void {
    this.space()
    if (this.text[this.at] !== '"') this.fail('looking for beginning of object key string')
    opened.key = this.string()
    this.space()
    if (this.text[this.at] !== ':') this.fail('after object key')
    this.at++
  }

  /** Puts a value into what it is in; whether that ends with it. */
  private take(opened: Opened, value: unknown): boolean {
    const { value: around } = opened
    const isList = Array.isArray(around)
    if (isList) around.push(value)
    else {
      if (Object.hasOwn(around, opened.key)) this.repeated(around, opened.key, opened.named)
      else opened.named++
      setOwn(around, opened.key, value)
    }
    this.space()
    const next = this.text[this.at]
    if (next !== ',' && next !== (isList ? ']' : '}')) {
      this.fail(isList ? 'after array element' : 'after object key:value pair')
    }
    this.at++
    if (next !== ',') return true
    if (!isList) this.key(opened)
    return false
  }

  private repeated(object: object, name: string, after: number): void {
    const known = this.duplicates.get(object) ?? []
    if (!known.some(each => each.name === name)) known.push({ name, after })
    this.duplicates.set(object, known)
  }

  private literal<T>(word: string, value: T): T {
    for (const expected of word) {
      if (this.text[this.at] !== expected) this.fail(`in literal ${word} (expecting '${expected}')`)
      this.at++
    }
    return value
  }

  private string(): string {
    const start = this.at++
    let escaped = false
    for (;;) {
      const code = this.text.charCodeAt(this.at)
      if (code === QUOTE) break
      if (Number.isNaN(code) || code < 0x20) this.fail('in string literal')
      if (code === BACKSLASH) {
        escaped = true
        this.escape()
      } else this.at++
    }
    this.at++
    return escaped ? (JSON.parse(this.text.slice(start, this.at)) as string) : this.text.slice(start + 1, this.at - 1)
  }

  private escape(): void {
    this.at++
    const kind = this.text[this.at] ?? ''
    if (kind === '' || !'bfnrt\\/"u'.includes(kind)) this.fail('in string escape code')
    this.at++
    if (kind !== 'u') return
    for (let digit = 0; digit < 4; digit++, this.at++)
      if (!/[0-9a-fA-F]/.test(this.text[this.at] ?? '')) this.fail('in \\u hexadecimal character escape')
  }

  private number(): number | NumberLiteral {
    const start = this.at
    if (this.text[this.at] === '-') {
      this.at++
      if (!this.isDigit()) this.fail('in numeric literal')
    } else if (!this.isDigit()) this.fail('looking for beginning of value')
    if (this.text[this.at] === '0') this.at++
    else this.digits()
    let plain = true
    if (this.text[this.at] === '.') {
      plain = false
      this.at++
      if (!this.isDigit()) this.fail('after decimal point in numeric literal')
      this.digits()
    }
    if (this.text[this.at] === 'e' || this.text[this.at] === 'E') {
      plain = false
      this.at++
      if (this.text[this.at] === '+' || this.text[this.at] === '-') this.at++
      if (!this.isDigit()) this.fail('in exponent of numeric literal')
      this.digits()
    }
    const literal = this.text.slice(start, this.at)
    const value = Number(literal)
    return plain && Number.isSafeInteger(value) ? value : new NumberLiteral(literal)
  }

  private isDigit(): boolean {
    const code = this.text.charCodeAt(this.at)
    return code >= 0x30 && code <= 0x39
  }

  private digits(): void {
    while (this.isDigit()) this.at++
  }
}

/** `object[key] = value` that is safe for the key `__proto__`. */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

/** A copy of a value of the exact reader without NumberLiterals; the value itself where it has none. */
export function withoutLiterals(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof NumberLiteral) return value.toValue()
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = withoutLiterals(value[index])
    return value
  }
  for (const key of Object.keys(value)) {
    const object = value as Record<string, unknown>
    setOwn(object, key, withoutLiterals(object[key]))
  }
  return value
}
