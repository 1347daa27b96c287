/** What sets of fields depend on in a value, so that values of one shape need not be gone through for each set again. */
import type { ListSchema } from '../schema/schema.ts'
import { entryElement } from './elements.ts'
import { childType, DEDUCED, entryType, type FieldType, formOf, listOf, type Plain, type Type } from './shape.ts'

/** All of a value that sets of fields depend on: see `addedToNothing`. */
export type Shape =
  | { readonly form: 'leaf'; readonly code: number }
  | { readonly form: 'map'; readonly size: number; readonly children: ReadonlyMap<string, Child> }
  | { readonly form: 'list'; readonly keys: readonly string[]; readonly type: Type; readonly entries: readonly Entry[] }
  | {
      readonly form: 'hole'
      readonly at: number
      readonly list: ListSchema
      readonly type: Type
      readonly shape: Shape
    }

interface Child {
  readonly type: Type
  readonly shape: Shape
}

interface Entry {
  /** What it is told from the others by: its keys, or the entry of a set itself. */
  readonly identity: readonly unknown[]
  readonly shape: Shape
}

/** Objects with more values are compared with nobody. */
const LARGEST = 2000

export const isObject = (value: unknown): value is Plain => typeof value === 'object' && value !== null

/** What matters of a leaf: whether and how it is empty, and whether Go would have written it by itself. */
export function codeOf(type: Type | FieldType, value: unknown): number {
  if (value === undefined) return 0
  if (value === null) return 1
  if (Array.isArray(value)) return value.length === 0 ? 2 : 3
  if (typeof value === 'object') {
    for (const _ in value) return 4
    return 5
  }
  return 'zero' in type && type.zero === value ? 6 : 7
}

export class ShapeRecorder {
  private left = LARGEST
  private readonly holes: string[] | undefined

  /**
   * With `holes` the only entry of a list that is keyed by one text (the address of a pod, say) may have any key: the shape has a
   * hole there, and its element in a set of fields is added to them.
   */
  constructor(holes?: string[]) {
    this.holes = holes
  }

  /** Nothing where the value is too large, or has entries that nothing tells apart. */
  shapeOf(type: Type, value: unknown): Shape | undefined {
    if (this.left-- <= 0) return undefined
    const form = value === null || value === undefined ? 'leaf' : formOf(type, value)
    if (form === 'map') return this.map(type, value as Plain)
    if (form === 'list') return this.hole(type, value as readonly unknown[]) ?? this.list(type, value as unknown[])
    return { form: 'leaf', code: codeOf(type, value) }
  }

  private map(type: Type, value: Plain): Shape | undefined {
    const children = new Map<string, Child>()
    for (const key of Object.keys(value)) {
      const child = childType(type.schema, key) ?? DEDUCED
      const shape = this.shapeOf(child, value[key])
      if (shape === undefined) return undefined
      children.set(key, { type: child, shape })
    }
    return { form: 'map', size: children.size, children }
  }

  private hole(type: Type, value: readonly unknown[]): Shape | undefined {
    const list = listOf(type)
    if (this.holes === undefined || !isOnlyEntry(list, value)) return undefined
    const at = this.holes.push(entryElement(list, value[0])) - 1
    const items = entryType(list.items)
    const shape = this.shapeOf(items, value[0])
    return shape === undefined ? undefined : { form: 'hole', at, list, type: items, shape }
  }

  private list(type: Type, value: readonly unknown[]): Shape | undefined {
    const list = listOf(type)
    const items = entryType(list.items)
    const entries: Entry[] = []
    for (const each of value) {
      const identity = identityOf(list, each)
      const shape = identity === undefined ? undefined : this.shapeOf(items, each)
      if (shape === undefined) return undefined
      entries.push({ identity: identity!, shape })
    }
    return { form: 'list', keys: keysOf(list), type: items, entries }
  }
}

/** What entries are told apart by; none where they are by themselves. */
export const keysOf = (list: ListSchema): readonly string[] => (list.listType === 'set' ? [] : list.mapKeys)

export function identityOf(list: ListSchema, entry: unknown): unknown[] | undefined {
  if (list.listType === 'set') return isObject(entry) ? undefined : [entry]
  if (!isObject(entry) || Array.isArray(entry)) return undefined
  const identity = list.mapKeys.map(key => entry[key])
  return identity.some((each, at) => isObject(each) || (each === undefined && list.mapKeys[at]! in entry))
    ? undefined
    : identity
}

function isOnlyEntry(list: ListSchema, value: readonly unknown[]): boolean {
  const [entry] = value
  return (
    value.length === 1 &&
    list.listType !== 'set' &&
    list.mapKeys.length === 1 &&
    isObject(entry) &&
    hasText(list, entry)
  )
}

const hasText = (list: ListSchema, entry: Plain): boolean => typeof entry[list.mapKeys[0]!] === 'string'

/** Whether the value has the shape. The elements of its holes are put into `found`. */
export function isLike(shape: Shape, type: Type, value: unknown, found?: string[]): boolean {
  switch (shape.form) {
    case 'leaf':
      return codeOf(type, value) === shape.code
    case 'map':
      return isObject(value) && !Array.isArray(value) && isLikeMap(shape, value, found)
    case 'list':
      return Array.isArray(value) && isLikeList(shape, value, found)
    default:
      return Array.isArray(value) && fillsHole(shape, value, found)
  }
}

function isLikeMap({ size, children }: Shape & { form: 'map' }, value: Plain, found: string[] | undefined): boolean {
  let count = 0
  for (const key in value) {
    const child = children.get(key)
    if (child === undefined || !isLike(child.shape, child.type, value[key], found)) return false
    count++
  }
  return count === size
}

function fillsHole(hole: Shape & { form: 'hole' }, value: readonly unknown[], found: string[] | undefined): boolean {
  const { at, list, type, shape } = hole
  if (found === undefined || !isOnlyEntry(list, value)) return false
  found[at] = entryElement(list, value[0])
  return isLike(shape, type, value[0], found)
}

function isLikeList(shape: Shape & { form: 'list' }, value: readonly unknown[], found: string[] | undefined): boolean {
  const { keys, type, entries } = shape
  if (value.length !== entries.length) return false
  for (let at = 0; at < entries.length; at++) {
    const each = value[at]
    if (!isIdentified(keys, entries[at]!.identity, each) || !isLike(entries[at]!.shape, type, each, found)) return false
  }
  return true
}

/** Whether an entry has this identity. */
export function isIdentified(keys: readonly string[], identity: readonly unknown[], entry: unknown): boolean {
  if (keys.length === 0) return entry === identity[0]
  if (!isObject(entry)) return false
  for (let i = 0; i < keys.length; i++) {
    const own = entry[keys[i]!]
    if (own !== identity[i] || (own === undefined && keys[i]! in entry)) return false
  }
  return true
}
