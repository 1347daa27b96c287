/**
 * Changes of one kind (the bindings of pods, what a kubelet says first about each, renewals of leases) take the same fields from the
 * same owners and give them to the same one: what the last such change did is kept with what was looked at, and whether the next one
 * is of that kind is told in a fraction of the time. The text of the sets is known, too, when the object is encoded.
 */
import { deepEqual } from '../equality.ts'
import type { StructSchema } from '../schema/schema.ts'
import { type Change, ChangeRecorder, isLikeChange } from './change-shape.ts'
import { canonical, equalSets, type FieldSet } from './field-set.ts'
import { knownInOrder, type Manager } from './managers.ts'
import { knownText, namesOf, withText } from './owned-before.ts'
import type { Plain, Type } from './shape.ts'

/** One change of an object. */
export interface OwnedChange {
  readonly type: Type
  readonly live: Plain
  readonly next: Plain
  readonly before: ReadonlyMap<string, Manager>
  readonly by: ChangeBy
  /** Who makes it, as it is to be known afterwards but for the fields. */
  readonly writer: Manager
}

/** What a change depends on besides the two objects and who owned what. */
export interface ChangeBy {
  readonly apiVersion: string
  readonly subresource: string
  readonly manager: string
  readonly filter: unknown
}

interface Known {
  readonly by: ChangeBy
  /** Owners before, in order. */
  readonly before: readonly (readonly [id: string, fields: FieldSet])[]
  readonly change: Change
  /** The elements that stood in the holes of the change. */
  readonly holes: readonly string[]
  readonly outcome: readonly Owner[]
}

interface Owner {
  readonly id: string
  /** Whether it is the one that writes; all else than the fields of others is as it was. */
  readonly writes: boolean
  readonly fields: FieldSet
  /** Where the elements of holes stand in the fields. */
  readonly places: readonly Place[]
}

interface Place {
  readonly hole: number
  /** From the root to the element's parent. */
  readonly path: readonly string[]
}

/** What a change does to the owners. */
export interface Outcome {
  readonly managers: Map<string, Manager>
  /** Who of them owns what was written; undefined where that is nothing. */
  readonly writer: string | undefined
}

interface Candidates {
  readonly known: Known[]
  misses: number
}

/** So many kinds of changes are known for each kind of objects, by who changes what. */
const MOST_NAMES = 128
/** And so many of each of those. */
const MOST_CHANGES = 4
/** After so many misses only one of as many more is remembered: the changes have a shape each. */
const PATIENCE = 8
const RARELY = 32
const known = new WeakMap<StructSchema, Map<string, Candidates>>()

/**
 * The owners after a change of `live` to `next`, which `make` finds. `make` may depend on the two objects, on the fields of
 * `before` and on `by` only. Fields are shared: never change them.
 */
export function changedBefore(change: OwnedChange, make: () => Outcome): Map<string, Manager> {
  const { type, by, next } = change
  const candidates = candidatesFor(type.schema as StructSchema, `${by.subresource};${by.manager};${namesOf(next)}`)
  for (const each of candidates.known) {
    const after = outcomeOf(each, change)
    if (after === undefined) continue
    candidates.misses = 0
    return after
  }
  const made = make()
  candidates.misses++
  // A change that was seen once only is not worth it.
  const isRare = candidates.misses > PATIENCE && candidates.misses % RARELY !== 0
  if (isRare || candidates.misses === 1) return made.managers
  return remember(candidates, change, made)
}

function candidatesFor(schema: StructSchema, names: string): Candidates {
  let byNames = known.get(schema)
  if (byNames === undefined) {
    byNames = new Map()
    known.set(schema, byNames)
  }
  let candidates = byNames.get(names)
  if (candidates === undefined) {
    if (byNames.size >= MOST_NAMES) byNames.clear()
    candidates = { known: [], misses: 0 }
    byNames.set(names, candidates)
  }
  return candidates
}

function outcomeOf(
  known: Known,
  { type, live, next, before, by, writer }: OwnedChange,
): Map<string, Manager> | undefined {
  const { holes } = known
  if (!deepEqual(known.by, by) || !hasOwners(before, known.before)) return undefined
  const found: string[] = []
  if (!isLikeChange(known.change, type, live, next, found)) return undefined
  const out = new Map<string, Manager>()
  for (const { id, writes, fields, places } of known.outcome) {
    out.set(id, { ...(writes ? writer : before.get(id)!), fields: filled(fields, places, holes, found) })
  }
  return out
}

function hasOwners(managers: ReadonlyMap<string, Manager>, before: Known['before']): boolean {
  if (managers.size !== before.length) return false
  let at = 0
  for (const [id, { fields }] of managers) {
    const [knownId, knownFields] = before[at++]!
    if (id !== knownId || !equalSets(fields, knownFields)) return false
  }
  return true
}

function remember(
  candidates: Candidates,
  { type, live, next, before, by }: OwnedChange,
  { managers, writer }: Outcome,
): Map<string, Manager> {
  const holes: string[] = []
  const change = new ChangeRecorder(holes).changeOf(type, live, next)
  const isOld = (element: string): boolean => [...before.values()].some(({ fields }) => countOf(fields, element) > 0)
  if (change === undefined || new Set(holes).size < holes.length || holes.some(isOld)) return managers
  const out = new Map<string, Manager>()
  const outcome: Owner[] = []
  for (const [id, manager] of managers) {
    const own = before.get(id)?.fields
    const fields = own !== undefined && equalSets(own, manager.fields) ? own : canonical(manager.fields)
    const places = placesOf(fields, holes)
    if (places === undefined) return managers
    if (knownText(fields) === undefined) withText(knownInOrder(fields), JSON.stringify(fields))
    outcome.push({ id, writes: id === writer, fields, places })
    out.set(id, { ...manager, fields })
  }
  const owners = [...before].map(([id, { fields }]) => [id, fields] as const)
  candidates.known.unshift({ by, before: owners, change, holes, outcome })
  candidates.known.splice(MOST_CHANGES)
  return out
}

function countOf(fields: FieldSet, element: string): number {
  let count = 0
  for (const key in fields) count += (key === element ? 1 : 0) + countOf(fields[key]!, element)
  return count
}

/** What lies deeper comes first. Undefined where an element stands more than once, or beside others whose order it decides. */
function placesOf(fields: FieldSet, holes: readonly string[]): Place[] | undefined {
  const places: Place[] = []
  for (const [hole, element] of holes.entries()) {
    const count = countOf(fields, element)
    if (count === 0) continue
    const path = pathTo(fields, element)
    if (count > 1 || path === undefined) return undefined
    places.push({ hole, path })
  }
  return places.sort((a, b) => b.path.length - a.path.length)
}

function pathTo(fields: FieldSet, element: string): string[] | undefined {
  if (fields[element] !== undefined) {
    return Object.keys(fields).every(key => key === element || key === '.') ? [] : undefined
  }
  for (const key in fields) {
    const path = pathTo(fields[key]!, element)
    if (path !== undefined) return [key, ...path]
  }
  return undefined
}

/** The fields with the elements that were found where those of holes stood. */
function filled(
  known: FieldSet,
  places: readonly Place[],
  holes: readonly string[],
  found: readonly string[],
): FieldSet {
  let fields = known
  let text = knownText(known)!
  for (const { hole, path } of places) {
    const [old, element] = [holes[hole]!, found[hole]!]
    if (old === element) continue
    fields = withElement(fields, path, 0, old, element)
    text = textWith(text, JSON.stringify(old), JSON.stringify(element)) ?? JSON.stringify(fields)
  }
  return fields === known ? known : withText(knownInOrder(fields), text)
}

function withElement(fields: FieldSet, path: readonly string[], at: number, old: string, element: string): FieldSet {
  const out: Record<string, FieldSet> = {}
  const step = path[at]
  for (const key in fields) {
    if (step === undefined && key === old) out[element] = fields[key]!
    else out[key] = key === step ? withElement(fields[key]!, path, at + 1, old, element) : fields[key]!
  }
  return out
}

/** Undefined where `old` does not stand there just once. */
function textWith(text: string, old: string, element: string): string | undefined {
  const at = text.indexOf(old)
  if (at < 0 || text.indexOf(old, at + 1) >= 0) return undefined
  return `${text.slice(0, at)}${element}${text.slice(at + old.length)}`
}
