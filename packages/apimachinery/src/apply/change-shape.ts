/** What `compare` depends on in two objects, so that changes of one shape need not be gone through for their sets each time. */
import { deepEqual } from '../equality.ts'
import { tryElement } from './collect.ts'
import { childType, DEDUCED, entryType, formOf, isMap, listOf, type Plain, type Type } from './shape.ts'
import { codeOf, identityOf, isIdentified, isLike, keysOf, type Shape, ShapeRecorder } from './value-shape.ts'

export type Change =
  /** Both say the same. */
  | { readonly form: 'same' }
  | { readonly form: 'added'; readonly shape: Shape }
  | { readonly form: 'removed'; readonly shape: Shape }
  | { readonly form: 'leaf'; readonly old: number; readonly next: number }
  | { readonly form: 'map'; readonly size: number; readonly children: ReadonlyMap<string, Child> }
  | { readonly form: 'list'; readonly keys: readonly string[]; readonly type: Type; readonly entries: readonly Entry[] }

interface Child {
  readonly type: Type
  readonly change: Change
}

/** An entry of either list, by where it stands in them: -1 where it does not. */
interface Entry {
  readonly identity: readonly unknown[]
  readonly old: number
  readonly next: number
  readonly change: Change
}

const SAME: Change = { form: 'same' }

/** A value that is not there: members that are, but say undefined, are not like it. */
const NONE: unique symbol = Symbol('none')

const memberOf = (value: Plain, key: string): unknown => (Object.hasOwn(value, key) ? value[key] : NONE)

export class ChangeRecorder {
  private readonly holes: string[]

  /** `holes` are the elements of what is added under a key that may be another one each time: see `ShapeRecorder`. */
  constructor(holes: string[]) {
    this.holes = holes
  }

  /** Nothing where more matters than a change can say. */
  changeOf(type: Type, old: unknown, next: unknown): Change | undefined {
    if (old === undefined || next === undefined) return undefined
    if (deepEqual(old, next)) return SAME
    if (old === NONE) return withShape('added', new ShapeRecorder(this.holes).shapeOf(type, next))
    if (next === NONE) return withShape('removed', new ShapeRecorder().shapeOf(type, old))
    const form = formOf(type, old)
    if (form !== formOf(type, next)) return undefined
    if (form === 'leaf') return { form, old: codeOf(type, old), next: codeOf(type, next) }
    if (form === 'map') return isMap(old) && isMap(next) ? this.map(type, old, next) : undefined
    return Array.isArray(old) && Array.isArray(next) ? this.list(type, old, next) : undefined
  }

  private map(type: Type, old: Plain, next: Plain): Change | undefined {
    const children = new Map<string, Child>()
    for (const key of new Set([...Object.keys(old), ...Object.keys(next)])) {
      const child = childType(type.schema, key) ?? DEDUCED
      const change = this.changeOf(child, memberOf(old, key), memberOf(next, key))
      if (change === undefined) return undefined
      children.set(key, { type: child, change })
    }
    return { form: 'map', size: children.size, children }
  }

  private list(type: Type, old: readonly unknown[], next: readonly unknown[]): Change | undefined {
    const list = listOf(type)
    const items = entryType(list.items)
    const [before, after] = [old.map(each => tryElement(list, each)), next.map(each => tryElement(list, each))]
    if (!isToldApart(before) || !isToldApart(after)) return undefined
    const entries: Entry[] = []
    for (const element of new Set([...before, ...after])) {
      const at = { old: before.indexOf(element), next: after.indexOf(element) }
      const [was, is] = [at.old < 0 ? NONE : old[at.old], at.next < 0 ? NONE : next[at.next]]
      const identity = identityOf(list, is === NONE ? was : is)
      const change = this.changeOf(items, was, is)
      // What a missing key stands for is another identity too.
      if (identity === undefined || identity.includes(undefined) || change === undefined) return undefined
      entries.push({ identity, ...at, change })
    }
    return { form: 'list', keys: keysOf(list), type: items, entries }
  }
}

const withShape = (form: 'added' | 'removed', shape: Shape | undefined): Change | undefined =>
  shape === undefined ? undefined : { form, shape }

const isToldApart = (elements: readonly (string | undefined)[]): boolean =>
  !elements.includes(undefined) && new Set(elements).size === elements.length

/** Whether `old` becomes `next` in this way. The elements of holes are put into `found`. */
export function isLikeChange(change: Change, type: Type, old: unknown, next: unknown, found: string[]): boolean {
  if (old === undefined || next === undefined) return false
  switch (change.form) {
    case 'same':
      return deepEqual(old, next)
    case 'added':
      return old === NONE && next !== NONE && isLike(change.shape, type, next, found)
    case 'removed':
      return next === NONE && old !== NONE && isLike(change.shape, type, old)
    case 'leaf':
      return (
        old !== NONE &&
        next !== NONE &&
        codeOf(type, old) === change.old &&
        codeOf(type, next) === change.next &&
        !deepEqual(old, next)
      )
    case 'map':
      return isMap(old) && isMap(next) && isLikeMaps(change, old, next, found)
    default:
      return Array.isArray(old) && Array.isArray(next) && isLikeLists(change, old, next, found)
  }
}

function isLikeMaps({ size, children }: Change & { form: 'map' }, old: Plain, next: Plain, found: string[]): boolean {
  let count = 0
  for (const key in old) {
    const child = children.get(key)
    if (child === undefined || !isLikeChange(child.change, child.type, old[key], memberOf(next, key), found))
      return false
    count++
  }
  for (const key in next) {
    if (Object.hasOwn(old, key)) continue
    const child = children.get(key)
    if (child === undefined || !isLikeChange(child.change, child.type, NONE, next[key], found)) return false
    count++
  }
  return count === size
}

function isLikeLists(
  { keys, type, entries }: Change & { form: 'list' },
  old: readonly unknown[],
  next: readonly unknown[],
  found: string[],
): boolean {
  let [before, after] = [0, 0]
  for (const entry of entries) {
    const was = entry.old < 0 ? NONE : old[entry.old]
    const is = entry.next < 0 ? NONE : next[entry.next]
    if (was !== NONE && !isIdentified(keys, entry.identity, was)) return false
    if (is !== NONE && !isIdentified(keys, entry.identity, is)) return false
    if (!isLikeChange(entry.change, type, was, is, found)) return false
    if (was !== NONE) before++
    if (is !== NONE) after++
  }
  return before === old.length && after === next.length
}
