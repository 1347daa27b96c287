/** Values as upstream's writer of YAML lays them out (sigs.k8s.io/yaml on go.yaml.in/yaml/v2: encode.go, sorter.go, emitterc.go). */
import { isPlainText } from './yaml-schema.ts'

/** Where lines of text are broken at a space. */
const WIDTH = 80
/** Longer keys stand in a line of their own. */
const LONGEST_KEY = 128

/** A value that JSON can say, and bigints, as a document. */
export function writeYaml(value: unknown): string {
  const writer = new Writer()
  writer.node(value, -2, 'value')
  return writer.end()
}

/** What a scalar looks like decides how it may be written (emitterc.go, yaml_emitter_analyze_scalar). */
interface Looks {
  readonly plain: boolean
  readonly single: boolean
  readonly block: boolean
  readonly multiline: boolean
}

const PRINTABLE = /^[\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]*$/
const BREAK = /[\r\n\u0085\u2028\u2029]/
const SPACE_BEFORE_BREAK = / [\r\n\u0085\u2028\u2029]/
const SPACE_AFTER_BREAK = /[\r\n\u0085\u2028\u2029] /
const INDICATOR = /^(?:[#,[\]{}&*!|>'"%@`]|[?:-](?:[\s\u0085]|$)|---|\.\.\.)|:(?:[ \t]|$)|[\s\u0085]#/

function looksOf(text: string): Looks {
  if (text === '') return { plain: true, single: true, block: false, multiline: false }
  const special = !PRINTABLE.test(text) || SPACE_BEFORE_BREAK.test(text)
  const breakSpace = SPACE_AFTER_BREAK.test(text)
  const multiline = BREAK.test(text)
  const outer = /^[ \r\n\u0085\u2028\u2029]|[ \r\n\u0085\u2028\u2029]$/.test(text)
  return {
    plain: !special && !breakSpace && !multiline && !outer && !INDICATOR.test(text),
    single: !special && !breakSpace,
    block: !special && !text.endsWith(' '),
    multiline,
  }
}

class Writer {
  #out = ''
  #column = 0

  end(): string {
    return this.#out.endsWith('\n') ? this.#out : `${this.#out}\n`
  }

  /** `indent` is that of what the node is in. */
  node(value: unknown, indent: number, place: 'value' | 'item'): void {
    if (Array.isArray(value)) this.list(value, place === 'item' ? indent + 2 : Math.max(indent, 0), place)
    else if (typeof value === 'object' && value !== null) this.map(value, indent + 2, place)
    else if (typeof value === 'string') this.text(value, indent + 2, false)
    else this.word(scalarText(value))
  }

  private list(items: readonly unknown[], indent: number, place: 'value' | 'item'): void {
    if (items.length === 0) {
      this.word('[]')
      return
    }
    for (const [index, item] of items.entries()) {
      if (index > 0 || place === 'value') this.line(indent)
      this.indicator('-')
      this.node(item, indent, 'item')
    }
  }

  private map(object: object, indent: number, place: 'value' | 'item'): void {
    const entries = Object.entries(object)
    if (entries.length === 0) {
      this.word('{}')
      return
    }
    entries.sort(([a], [b]) => compareKeys(a, b))
    for (const [index, [key, value]] of entries.entries()) {
      if (index > 0 || place === 'value') this.line(indent)
      this.node(value, indent, this.key(key, indent))
    }
  }

  /** Writes a key, and tells how what it stands for begins: behind one in a line of its own, in the same line. */
  private key(key: string, indent: number): 'value' | 'item' {
    if (Buffer.byteLength(key) <= LONGEST_KEY && !BREAK.test(key)) {
      this.text(key, indent, true)
      this.put(':')
      return 'value'
    }
    this.indicator('?')
    this.text(key, indent + 2, false)
    this.line(indent)
    this.put(':')
    return 'item'
  }

  private text(text: string, indent: number, isKey: boolean): void {
    const looks = looksOf(text)
    if (text.includes('\n') && looks.block && !isKey) this.literal(text, indent)
    else if (text.includes('\n') || !isPlainText(text)) this.double(text, indent, isKey)
    else if (looks.plain) this.broken(text, indent, isKey, false)
    else if (looks.single) this.single(text, indent, isKey)
    else this.double(text, indent, isKey)
  }

  private single(text: string, indent: number, isKey: boolean): void {
    this.space()
    this.put("'")
    this.broken(text, indent, isKey, true)
    this.put("'")
  }

  /** Plain text, or what stands between single quotes, where other breaks than of lines may be too. */
  private broken(text: string, indent: number, isKey: boolean, quoted: boolean): void {
    if (!quoted) this.space()
    const characters = [...text]
    let spaces = false
    let breaks = false
    for (const [at, each] of characters.entries()) {
      if (each === ' ') {
        const mayBreak = !quoted || (at > 0 && at < characters.length - 1)
        if (!isKey && !spaces && this.#column > WIDTH && mayBreak && characters[at + 1] !== ' ') this.line(indent)
        else this.put(each)
        spaces = true
      } else if (BREAK.test(each)) {
        this.#out += each
        this.#column = 0
        breaks = true
      } else {
        if (breaks) this.line(indent)
        this.put(each === "'" && quoted ? "''" : each)
        spaces = false
        breaks = false
      }
    }
  }

  private double(text: string, indent: number, isKey: boolean): void {
    this.space()
    this.put('"')
    const characters = [...text]
    let spaces = false
    for (const [at, each] of characters.entries()) {
      if (each === ' ') {
        if (!isKey && !spaces && this.#column > WIDTH && at > 0 && at < characters.length - 1) {
          this.line(indent)
          if (characters[at + 1] === ' ') this.put('\\')
        } else this.put(each)
        spaces = true
      } else {
        this.put(escaped(each))
        spaces = false
      }
    }
    this.put('"')
  }

  private literal(text: string, indent: number): void {
    const hint = /^[ \r\n\u0085\u2028\u2029]/.test(text) ? '2' : ''
    const chomp = !BREAK.test(text.at(-1)!) ? '-' : text.length === 1 || BREAK.test(text.at(-2)!) ? '+' : ''
    this.word(`|${hint}${chomp}`)
    this.#out += '\n'
    this.#column = 0
    let breaks = true
    for (const each of text) {
      if (BREAK.test(each)) {
        this.#out += each
        this.#column = 0
        breaks = true
        continue
      }
      if (breaks) this.put(' '.repeat(indent))
      this.put(each)
      breaks = false
    }
  }

  private word(word: string): void {
    this.space()
    this.put(word)
  }

  private indicator(mark: string): void {
    this.word(mark)
  }

  /** Between what stands in one line. */
  private space(): void {
    if (this.#column > 0 && !/[ \n]$/.test(this.#out)) this.put(' ')
  }

  private line(indent: number): void {
    if (this.#out !== '' && this.#column > 0) this.#out += '\n'
    this.#column = 0
    this.put(' '.repeat(indent))
  }

  private put(text: string): void {
    this.#out += text
    this.#column += text.length
  }
}

const NAMED: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
  '\u0085': 'N',
  '\u2028': 'L',
  '\u2029': 'P',
}

function escaped(character: string): string {
  const name = NAMED[character]
  if (name !== undefined) return `\\${name}`
  if (PRINTABLE.test(character)) return character
  const code = character.codePointAt(0)!
  const [letter, width] =
    code <= 0xff ? (['x', 2] as const) : code <= 0xffff ? (['u', 4] as const) : (['U', 8] as const)
  return `\\${letter}${code.toString(16).toUpperCase().padStart(width, '0')}`
}

/** Numbers that are no integers as Go's `%g` has them. */
function scalarText(value: unknown): string {
  if (value === undefined) return 'null'
  if (typeof value !== 'number') return String(value)
  if (Number.isSafeInteger(value)) return String(value + 0)
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string]
  const power = Number(exponent)
  if (power >= -4 && power < 6) return String(value)
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

const LETTER = /\p{L}/u
const DIGIT = /\p{Nd}/u

/** Letters after what is none, and numbers by how large they are. */
export function compareKeys(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  const at = left.findIndex((each, index) => each !== right[index])
  if (at < 0 || at >= right.length) return left.length - right.length
  const [x, y] = [left[at]!, right[at]!]
  const [isLetterX, isLetterY] = [LETTER.test(x), LETTER.test(y)]
  if (isLetterX && isLetterY) return x.codePointAt(0)! - y.codePointAt(0)!
  if (isLetterX || isLetterY) return isLetterY ? -1 : 1
  let before = ''
  if (x === '0' || y === '0') {
    for (let index = at - 1; index >= 0 && DIGIT.test(left[index]!); index--) if (left[index] !== '0') before = '1'
  }
  const [digitsX, digitsY] = [digitsAt(left, at), digitsAt(right, at)]
  const [numberX, numberY] = [BigInt(`${before}${digitsX}` || '0'), BigInt(`${before}${digitsY}` || '0')]
  if (numberX !== numberY) return numberX < numberY ? -1 : 1
  return digitsX.length - digitsY.length || x.codePointAt(0)! - y.codePointAt(0)!
}

function digitsAt(characters: readonly string[], at: number): string {
  let end = at
  while (end < characters.length && /[0-9]/.test(characters[end]!)) end++
  return characters.slice(at, end).join('')
}
