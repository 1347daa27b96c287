import { type FunctionDecl, func, member, overload } from '../check/declarations.ts'
import type { Library } from '../environment.ts'
import { dynType, intType, listOf, stringType } from '../types/type.ts'
import { CelError } from '../values/error.ts'
import { ArrayList, type ListValue } from '../values/list.ts'
import type { Int } from '../values/numbers.ts'
import { codePointLength, typeOf } from '../values/value.ts'
import { validateFormatCalls } from './format-validator.ts'
import { formatString, type NumberStyle } from './string-format.ts'

const stringList = listOf(stringType)

const outOfRange = (index: Int): CelError => new CelError(`index out of range: ${index}`)

function charAt(text: string, index: Int): string {
  const points = Array.from(text)
  if (index < 0 || index > points.length) throw outOfRange(index)
  return points[Number(index)] ?? ''
}

function indexOf(text: string, part: string, offset: Int = 0): number {
  // As upstream's version, nothing is found wherever it is looked for.
  if (part === '') return Number(offset)
  if (offset < 0) throw outOfRange(offset)
  const points = Array.from(text)
  if (offset >= points.length) return -1
  const units = points.slice(0, Number(offset)).join('').length
  const found = text.indexOf(part, units)
  return found < 0 ? -1 : codePointLength(text.slice(0, found))
}

function lastIndexOf(text: string, part: string, offset?: Int): number {
  const points = Array.from(text)
  if (part === '') return Number(offset ?? points.length)
  if (offset !== undefined && offset < 0) throw outOfRange(offset)
  if (offset !== undefined && offset >= points.length) return -1
  const units = offset === undefined ? text.length : points.slice(0, Number(offset)).join('').length
  const found = text.lastIndexOf(part, units)
  return found < 0 ? -1 : codePointLength(text.slice(0, found))
}

/** Go's strings.Replace: a negative count replaces all; an empty part is found before each character and at the end. */
function replace(text: string, part: string, by: string, count: Int = -1): string {
  if (count < 0) return part === '' ? interleave(text, by, Number.POSITIVE_INFINITY) : text.split(part).join(by)
  if (part === '') return interleave(text, by, Number(count))
  const pieces = text.split(part)
  const kept = pieces.slice(0, Number(count) + 1)
  const rest = pieces.slice(Number(count) + 1)
  return [kept.join(by), ...rest].join(part)
}

function interleave(text: string, by: string, count: number): string {
  const points = Array.from(text)
  const spots = Math.min(count, points.length + 1)
  const before = points.map((point, index) => (index < spots ? by + point : point)).join('')
  return spots > points.length ? before + by : before
}

/** Go's strings.SplitN. */
function split(text: string, separator: string, count: Int = -1): ListValue {
  if (count === 0) return new ArrayList([])
  const pieces = separator === '' ? Array.from(text) : text.split(separator)
  if (count < 0 || pieces.length <= count) return new ArrayList(pieces)
  const most = Number(count)
  return new ArrayList([...pieces.slice(0, most - 1), pieces.slice(most - 1).join(separator)])
}

function substring(text: string, start: Int, end?: Int): string {
  const points = Array.from(text)
  if (end !== undefined && start > end) {
    throw new CelError(`invalid substring range. start: ${start}, end: ${end}`)
  }
  for (const index of [start, end ?? start]) if (index < 0 || index > points.length) throw outOfRange(index)
  return points.slice(Number(start), end === undefined ? undefined : Number(end)).join('')
}

/** Unicode's white space, as Go's strings.TrimSpace has it. */
const SPACE =
  /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g

function join(values: ListValue, separator = ''): string {
  return values
    .toArray()
    .map(value => {
      if (typeof value !== 'string') throw new CelError(`join: invalid input: ${typeOf(value).name}`)
      return value
    })
    .join(separator)
}

const escapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

const quote = (text: string): string => `"${Array.from(text.toWellFormed(), char => escapes[char] ?? char).join('')}"`

const lowerAscii = (text: string): string => text.replace(/[A-Z]+/g, letters => letters.toLowerCase())
const upperAscii = (text: string): string => text.replace(/[a-z]+/g, letters => letters.toUpperCase())
const reverse = (text: string): string => Array.from(text).reverse().join('')

const s = stringType
const i = intType

const functions: readonly FunctionDecl[] = [
  func('charAt', member('string_char_at_int', [s, i], s, charAt)),
  func(
    'indexOf',
    member('string_index_of_string', [s, s], i, (text: string, part: string) => indexOf(text, part)),
    member('string_index_of_string_int', [s, s, i], i, indexOf),
  ),
  func(
    'lastIndexOf',
    member('string_last_index_of_string', [s, s], i, (text: string, part: string) => lastIndexOf(text, part)),
    member('string_last_index_of_string_int', [s, s, i], i, lastIndexOf),
  ),
  func('lowerAscii', member('string_lower_ascii', [s], s, lowerAscii)),
  func('upperAscii', member('string_upper_ascii', [s], s, upperAscii)),
  func(
    'replace',
    member('string_replace_string_string', [s, s, s], s, (text: string, a: string, b: string) => replace(text, a, b)),
    member('string_replace_string_string_int', [s, s, s, i], s, replace),
  ),
  func(
    'split',
    member('string_split_string', [s, s], stringList, (text: string, separator: string) => split(text, separator)),
    member('string_split_string_int', [s, s, i], stringList, split),
  ),
  func(
    'substring',
    member('string_substring_int', [s, i], s, (text: string, start: Int) => substring(text, start)),
    member('string_substring_int_int', [s, i, i], s, substring),
  ),
  func(
    'trim',
    member('string_trim', [s], s, (text: string) => text.replace(SPACE, '')),
  ),
  func(
    'join',
    member('list_join', [stringList], s, (values: ListValue) => join(values)),
    member('list_join_string', [stringList, s], s, join),
  ),
  func('strings.quote', overload('strings_quote', [s], s, quote)),
]

/**
 * More functions of strings. Version 2 is Kubernetes': `format` writes numbers as English readers know them (`1,234.5`).
 * Version 4 has `reverse`, and `format` writes numbers as programs do. Behaviour: cel-go ext/strings.go.
 */
export function stringsLibrary(version: 2 | 4): Library {
  const style: NumberStyle = version === 2 ? 'english' : 'plain'
  const format = (text: string, args: ListValue): string => formatString(text, args.toArray(), style)
  return {
    functions: [
      ...functions,
      func('format', member('string_format', [s, listOf(dynType)], s, format)),
      ...(version === 2 ? [] : [func('reverse', member('string_reverse', [s], s, reverse))]),
    ],
    validators: [validateFormatCalls(style)],
  }
}
