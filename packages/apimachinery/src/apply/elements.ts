/**
 * The steps of a path in FieldsV1: `f:` a field or key of a map, `k:` an entry of a list by its keys, `v:` an entry of a set by its
 * value, `i:` an entry by its index (sigs.k8s.io/structured-merge-diff/fieldpath/serialize-pe.go and element.go).
 */
import { zeroOf } from '../schema/decoded-values.ts'
import type { Field, ListSchema } from '../schema/schema.ts'

type Plain = Readonly<Record<string, unknown>>

const RANKS: Readonly<Record<string, number>> = { 'f:': 0, 'k:': 1, 'v:': 2, 'i:': 3 }

/** An entry that cannot be identified: it lacks all keys, or is of the wrong type. */
export class ElementError extends Error {}

export const fieldElement = (name: string): string => `f:${name}`

/** The element of an entry of a list of type `set` or `map`. Throws ElementError. */
export function entryElement(list: ListSchema, entry: unknown): string {
  return list.listType === 'set' ? valueElement(entry) : keyElement(list, entry)
}

function valueElement(entry: unknown): string {
  if (Array.isArray(entry)) throw new ElementError('not supported: associative list with lists as elements')
  if (entry === null || entry === undefined) {
    throw new ElementError("associative list without keys has an element that's an explicit null")
  }
  if (typeof entry === 'object') {
    throw new ElementError("associative list without keys has an element that's a map type")
  }
  return `v:${scalarJson(entry)}`
}

function keyElement(list: ListSchema, entry: unknown): string {
  if (entry === null || entry === undefined) {
    throw new ElementError('associative list with keys may not have a null element')
  }
  if (typeof entry !== 'object' || Array.isArray(entry)) {
    throw new ElementError('associative list with keys may not have non-map elements')
  }
  let text = ''
  for (const { key, label, preset } of sortedKeys(list)) {
    const value = Object.hasOwn(entry, key) ? (entry as Plain)[key] : preset
    if (value === undefined) continue
    text += text === '' ? label : `,${label}`
    text += scalarJson(value)
  }
  if (text === '') {
    const keys = list.mapKeys.map(key => JSON.stringify(key)).join(' ')
    throw new ElementError(
      `associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`,
    )
  }
  return `k:{${text}}`
}

interface Key {
  readonly key: string
  /** `"key":`. */
  readonly label: string
  /** What an entry without the key is taken to have. */
  readonly preset: unknown
}

const keysOf = new WeakMap<ListSchema, readonly Key[]>()

function sortedKeys(list: ListSchema): readonly Key[] {
  let keys = keysOf.get(list)
  if (keys === undefined) {
    keys = [...list.mapKeys]
      .sort()
      .map(key => ({ key, label: `${JSON.stringify(key)}:`, preset: defaultOf(list, key) }))
    keysOf.set(list, keys)
  }
  return keys
}

/** Texts and numbers that Go always writes have a default in upstream's OpenAPI, which its types for apply are made of: nothing. */
function defaultOf(list: ListSchema, key: string): unknown {
  const field: Field | undefined = list.items.type === 'struct' ? list.items.fields.get(key) : undefined
  if (field === undefined || field.default !== undefined) return field?.default
  const isAlways = field.schema.goType !== '' && !field.omitEmpty && !field.pointer
  return isAlways ? zeroOf(field.schema) : undefined
}

function scalarJson(value: unknown): string {
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value)
}

/** The order in which upstream writes elements: fields, keys, values, indices; numbers by value. */
export function compareElements(a: string, b: string): number {
  const rank = RANKS[a.slice(0, 2)]! - RANKS[b.slice(0, 2)]!
  if (rank !== 0) return rank
  if (a.startsWith('f:')) return a < b ? -1 : a > b ? 1 : 0
  if (a.startsWith('i:')) return Number(a.slice(2)) - Number(b.slice(2))
  if (a.startsWith('v:')) return compareValues(parsed(a), parsed(b))
  const fast = compareOneText(a, b)
  if (fast !== undefined) return fast
  return compareKeys(Object.entries(parsed(a) as Plain), Object.entries(parsed(b) as Plain))
}

/** Sorts elements in place, as `compareElements`, in less time where all are of lists keyed by one text. */
export function sortElements(elements: string[]): string[] {
  if (elements.length < 2) return elements
  const texts: (readonly [text: string, element: string])[] = []
  let start: string | undefined
  for (const element of elements) {
    const at = element.startsWith('k:') ? element.indexOf('":"') + 3 : 0
    const text = element.slice(at, -2)
    start ??= element.slice(0, at)
    if (at < 3 || !element.startsWith(start) || SPECIAL.test(text)) return elements.sort(compareElements)
    texts.push([text, element])
  }
  texts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  for (const [i, [, element]] of texts.entries()) elements[i] = element
  return elements
}

/** The common case, lists keyed by one text without escapes, in a tenth of the time. */
function compareOneText(a: string, b: string): number | undefined {
  const start = a.indexOf('":"')
  if (start < 0 || b.indexOf('":"') !== start || a.slice(0, start) !== b.slice(0, start)) return undefined
  const [textA, textB] = [a.slice(start + 3, -2), b.slice(start + 3, -2)]
  if (SPECIAL.test(textA) || SPECIAL.test(textB)) return undefined
  return textA < textB ? -1 : textA > textB ? 1 : 0
}

const SPECIAL = /["\\]/

function compareKeys(a: [string, unknown][], b: [string, unknown][]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [[nameA, valueA], [nameB, valueB]] = [a[i]!, b[i]!]
    if (nameA !== nameB) return nameA < nameB ? -1 : 1
    const order = compareValues(valueA, valueB)
    if (order !== 0) return order
  }
  return a.length - b.length
}

const TYPES = ['number', 'string', 'boolean']

function compareValues(a: unknown, b: unknown): number {
  if (typeof a !== typeof b) return TYPES.indexOf(typeof a) - TYPES.indexOf(typeof b)
  if (typeof a === 'number') return a - (b as number)
  return a === b ? 0 : (a as string) < (b as string) ? -1 : 1
}

const parsed = (element: string): unknown => JSON.parse(element.slice(2))

/** As errors show it: `.name`, `[name="a"]`, `[="x"]`, `[0]`. */
export function elementText(element: string): string {
  const rest = element.slice(2)
  if (element.startsWith('f:')) return `.${rest}`
  if (element.startsWith('i:')) return `[${rest}]`
  if (element.startsWith('v:')) return `[=${rest}]`
  const keys = Object.entries(parsed(element) as Plain).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return `[${keys.join(',')}]`
}

/** Whether a text from outside is an element. */
export function isElement(text: string): boolean {
  if (text.startsWith('f:')) return true
  if (text.startsWith('i:')) return /^i:-?\d+$/.test(text)
  if (!text.startsWith('k:') && !text.startsWith('v:')) return false
  try {
    const value = parsed(text)
    return text.startsWith('v:') || (typeof value === 'object' && value !== null && !Array.isArray(value))
  } catch {
    return false
  }
}
