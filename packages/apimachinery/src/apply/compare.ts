/** What changed between two objects (sigs.k8s.io/structured-merge-diff/typed/compare.go). */
import { deepEqual } from '../equality.ts'
import { everything, tryElement } from './collect.ts'
import { below, type FieldSet, FieldSetDraft, LEAF } from './field-set.ts'
import {
  childType,
  DEDUCED,
  elementOf,
  entryType,
  formOf,
  isMap,
  isVoid,
  listOf,
  type Plain,
  type Type,
  valueAt,
} from './shape.ts'

export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

/** Compares two objects of one type. An object that does not exist is `{}`. */
export function compare(type: Type, old: Plain, next: Plain): Comparison {
  const comparer = new Comparer()
  comparer.maps(type, old, next)
  const { added, modified, removed } = comparer
  return { added: added.set, modified: modified.set, removed: removed.set }
}

class Comparer {
  readonly added = new FieldSetDraft()
  readonly modified = new FieldSetDraft()
  readonly removed = new FieldSetDraft()
  readonly #path: string[] = []

  private values(type: Type, old: unknown, next: unknown): void {
    if (old === next) return
    if (old === undefined) this.added.add(this.#path, everything(type, next))
    else if (next === undefined) this.removed.add(this.#path, everything(type, old))
    else {
      const form = formOf(type, old)
      if (form !== formOf(type, next)) this.mixed(type, old, next)
      else if (form === 'leaf' || (isVoid(old) && isVoid(next))) {
        if (!deepEqual(old, next)) this.modified.add(this.#path)
      } else if (form === 'map') this.maps(type, (old ?? {}) as Plain, (next ?? {}) as Plain)
      else this.lists(type, (old ?? []) as readonly unknown[], (next ?? []) as readonly unknown[])
    }
  }

  /** A leaf became a map or the other way round. */
  private mixed(type: Type, old: unknown, next: unknown): void {
    this.modified.add(this.#path)
    if (isMap(old)) addBelow(this.removed, this.#path, everything(type, old))
    if (isMap(next)) addBelow(this.added, this.#path, everything(type, next))
  }

  maps(type: Type, old: Plain, next: Plain): void {
    for (const key of Object.keys(old)) this.field(type, old, next, key)
    for (const key of Object.keys(next)) if (!Object.hasOwn(old, key)) this.field(type, old, next, key)
  }

  private field({ schema }: Type, old: Plain, next: Plain, key: string): void {
    const before = valueAt(schema, old, key)
    const after = valueAt(schema, next, key)
    if (before === after) return
    const child = childType(schema, key) ?? DEDUCED
    this.#path.push(elementOf(child, key))
    this.values(child, before, after)
    this.#path.pop()
  }

  private lists(type: Type, old: readonly unknown[], next: readonly unknown[]): void {
    if (deepEqual(old, next)) return
    const list = listOf(type)
    const items = entryType(list.items)
    const before = entriesOf(list, old)
    const after = entriesOf(list, next)
    for (const [element, entries] of before) this.entries(items, element, entries, after.get(element) ?? [])
    for (const [element, entries] of after) if (!before.has(element)) this.entries(items, element, [], entries)
  }

  /** Entries with the same key: more than one on a side cannot be told apart, so they count as one. */
  private entries(items: Type, element: string, old: readonly unknown[], next: readonly unknown[]): void {
    const path = this.#path
    path.push(element)
    if (old.length <= 1 && next.length <= 1) this.values(items, old[0], next[0])
    else if (old.length >= 2 && next.length >= 2) {
      if (!deepEqual(old, next)) this.modified.add(path)
    } else if (old.length >= 2) {
      if (next.length === 1) this.values(items, undefined, next[0])
      this.removed.add(path)
    } else {
      if (old.length === 1) this.values(items, old[0], undefined)
      this.added.add(path)
    }
    path.pop()
  }
}

function entriesOf(list: ReturnType<typeof listOf>, values: readonly unknown[]): Map<string, unknown[]> {
  const entries = new Map<string, unknown[]>()
  for (const value of values) {
    const element = tryElement(list, value)
    if (element === undefined) continue
    const known = entries.get(element)
    if (known === undefined) entries.set(element, [value])
    else known.push(value)
  }
  return entries
}

function addBelow(draft: FieldSetDraft, path: readonly string[], node: FieldSet): void {
  for (const [element, child] of Object.entries(below(node))) draft.add([...path, element], child ?? LEAF)
}
