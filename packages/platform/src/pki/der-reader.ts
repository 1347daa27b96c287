/** Reads DER as Go's encoding/asn1 does, and says in its words why it cannot. */

export interface Tag {
  readonly class: number
  readonly tag: number
  readonly length: number
  readonly isCompound: boolean
}

/** A value, and where the next one begins. */
export interface Value {
  readonly tag: Tag
  readonly content: Buffer
  /** With its tag and length. */
  readonly whole: Buffer
  readonly end: number
}

/** What a value has to be. */
export interface Expected {
  readonly tag: number
  readonly isCompound: boolean
  /** The name of Go's type. */
  readonly type: string
}

const syntaxError = (message: string): Error => new Error(`asn1: syntax error: ${message}`)
const structureError = (message: string): Error => new Error(`asn1: structure error: ${message}`)

export const SEQUENCE = (type: string): Expected => ({ tag: 16, isCompound: true, type })
const INTEGER: Expected = { tag: 2, isCompound: false, type: 'int' }
const BIT_STRING: Expected = { tag: 3, isCompound: false, type: 'BitString' }
const OBJECT_IDENTIFIER: Expected = { tag: 6, isCompound: false, type: 'ObjectIdentifier' }

/** Parameters of a field without any, as Go prints them. */
const PARAMETERS =
  '{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false}'

/** Values that stand one after the other. */
export class DerReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** The next value, whatever it is. Throws an Error where there is none. */
  any(): Value {
    if (this.isAtEnd) throw syntaxError('sequence truncated')
    const { tag, at } = tagAt(this.#bytes, this.#at)
    return this.take(tag, at, 'data truncated')
  }

  /** The next value, which has to be this. */
  read(expected: Expected): Value {
    if (this.isAtEnd) throw syntaxError('sequence truncated')
    const { tag, at } = tagAt(this.#bytes, this.#at)
    if (!fits(tag, expected)) throw mismatch(tag, at, expected)
    return this.take(tag, at, 'data truncated')
  }

  sequence(type: string): DerReader {
    return new DerReader(this.read(SEQUENCE(type)).content)
  }

  integer(): void {
    const { content } = this.read(INTEGER)
    if (content.length === 0) throw structureError('empty integer')
    const [first = 0, second = 0] = content
    const isPadded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)
    if (content.length > 1 && isPadded) throw structureError('integer not minimally-encoded')
    if (content.length > 8) throw structureError('integer too large')
  }

  /** The bits as bytes, aligned to the right where some of the last do not count. */
  bits(): Buffer {
    const { content } = this.read(BIT_STRING)
    if (content.length === 0) throw syntaxError('zero length BIT STRING')
    const padding = content[0]!
    const last = content.at(-1)!
    if (padding > 7 || (content.length === 1 && padding > 0) || (last & ((1 << padding) - 1)) !== 0) {
      throw syntaxError('invalid padding bits in BIT STRING')
    }
    return content.subarray(1)
  }

  /** In hexadecimal digits. */
  objectIdentifier(): string {
    const { content } = this.read(OBJECT_IDENTIFIER)
    if (content.length === 0) throw syntaxError('zero length OBJECT IDENTIFIER')
    for (let at = 0; at < content.length; ) at = base128(content, at).at
    return content.toString('hex')
  }

  /** What follows up to the end, all of it as expected: the entries of a list. */
  rest(expected?: Expected): Value[] {
    const found: Value[] = []
    while (!this.isAtEnd) {
      const { tag, at } = tagAt(this.#bytes, this.#at)
      if (expected !== undefined && !fits(tag, expected)) throw structureError('sequence tag mismatch')
      found.push(this.take(tag, at, 'truncated sequence'))
    }
    return found
  }

  private take(tag: Tag, at: number, problem: string): Value {
    const end = at + tag.length
    if (end > this.#bytes.length) throw syntaxError(problem)
    const value = { tag, content: this.#bytes.subarray(at, end), whole: this.#bytes.subarray(this.#at, end), end }
    this.#at = end
    return value
  }
}

const fits = (tag: Tag, expected: Expected): boolean =>
  tag.class === 0 && tag.tag === expected.tag && tag.isCompound === expected.isCompound

function mismatch({ class: kind, tag, length, isCompound }: Tag, at: number, expected: Expected): Error {
  const found = `{class:${kind} tag:${tag} length:${length} isCompound:${isCompound}}`
  return structureError(`tags don't match (${expected.tag} vs ${found}) ${PARAMETERS} ${expected.type} @${at}`)
}

function tagAt(bytes: Buffer, start: number): { tag: Tag; at: number } {
  const first = bytes[start]!
  let at = start + 1
  let number = first & 0x1f
  if (number === 0x1f) {
    const long = base128(bytes, at)
    if (long.value < 0x1f) throw syntaxError('non-minimal tag')
    number = long.value
    at = long.at
  }
  if (at >= bytes.length) throw syntaxError('truncated tag or length')
  const length = lengthAt(bytes, at)
  return {
    tag: { class: first >> 6, tag: number, length: length.value, isCompound: (first & 0x20) !== 0 },
    at: length.at,
  }
}

function lengthAt(bytes: Buffer, start: number): { value: number; at: number } {
  const first = bytes[start]!
  if (first < 0x80) return { value: first, at: start + 1 }
  const count = first & 0x7f
  if (count === 0) throw syntaxError('indefinite length found (not DER)')
  let value = 0
  for (let at = start + 1; at <= start + count; at++) {
    if (at >= bytes.length) throw syntaxError('truncated tag or length')
    if (value >= 1 << 23) throw structureError('length too large')
    value = value * 256 + bytes[at]!
    if (value === 0) throw structureError('superfluous leading zeros in length')
  }
  if (value < 0x80) throw structureError('non-minimal length')
  return { value, at: start + count + 1 }
}

function base128(bytes: Buffer, start: number): { value: number; at: number } {
  let value = 0
  for (let at = start; at < bytes.length; at++) {
    if (at - start === 5) throw structureError('base 128 integer too large')
    if (at === start && bytes[at] === 0x80) throw syntaxError('integer is not minimally encoded')
    value = value * 128 + (bytes[at]! & 0x7f)
    if (bytes[at]! >= 0x80) continue
    if (value > 0x7fffffff) throw structureError('base 128 integer too large')
    return { value, at: at + 1 }
  }
  throw syntaxError('truncated base 128 integer')
}
