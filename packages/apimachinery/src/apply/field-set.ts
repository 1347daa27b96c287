/**
 * Sets of fields, kept in the form in which `managedFields` shows them (FieldsV1): a tree of path elements, `f:name`, `k:{"name":"x"}`,
 * `v:"x"`, `i:0`. A node is a member of the set where it is empty or has `.`; every other node only leads to members. The root
 * stands for the whole object and is never a member. Sets are values: no function changes what it is given.
 * Semantics: sigs.k8s.io/structured-merge-diff/fieldpath/set.go.
 */
import { compareElements, elementText, isElement, sortElements } from './elements.ts'

export interface FieldSet {
  readonly [element: string]: FieldSet
}

type Draft = Record<string, FieldSet>

const SELF = '.'

/** A member with nothing below it. Shared. */
export const LEAF: FieldSet = Object.freeze({})
export const EMPTY: FieldSet = LEAF

export function isEmptySet(set: FieldSet): boolean {
  for (const key in set) if (key !== SELF) return false
  return true
}

/** Whether the node itself belongs to the set, not just something below it. */
export function isMember(node: FieldSet): boolean {
  if (node[SELF] !== undefined) return true
  for (const _ in node) return false
  return true
}

/** What lies below a node, as a set of its own. */
export function below(node: FieldSet | undefined): FieldSet {
  if (node === undefined) return EMPTY
  if (node[SELF] === undefined) return node
  const { [SELF]: _, ...children } = node
  return children
}

/** A node of its parts; undefined where it would say nothing. `children` must not hold `.`. */
export function nodeOf(member: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmptySet(children)) return member ? LEAF : undefined
  return member ? { [SELF]: LEAF, ...children } : children
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b
  if (isEmptySet(b)) return a
  const out: Draft = { ...a }
  for (const key in b) {
    if (key === SELF) continue
    const other = b[key]!
    const own = out[key]
    if (own === undefined) out[key] = other
    else if (own !== other) out[key] = nodeOf(isMember(own) || isMember(other), union(below(own), below(other)))!
  }
  return out
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const out: Draft = {}
  for (const key in a) {
    const own = a[key]!
    const other = b[key]
    if (key === SELF || other === undefined) continue
    const node = own === other ? own : nodeOf(isMember(own) && isMember(other), intersection(own, other))
    if (node !== undefined) out[key] = node
  }
  return out
}

/** The members of `a` that are not members of `b`. What lies below a member of `b` stays. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, false)
}

/** The same, but what lies below a member of `b` goes with it. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, true)
}

function subtract(a: FieldSet, b: FieldSet, deep: boolean): FieldSet {
  if (a === b) return EMPTY
  if (isEmptySet(b)) return below(a)
  const out: Draft = {}
  for (const key in a) {
    if (key === SELF) continue
    const own = a[key]!
    const other = b[key]
    if (own === other) continue
    if (other === undefined) {
      out[key] = own
      continue
    }
    const gone = isMember(other)
    const children = deep && gone ? EMPTY : subtract(own, other, deep)
    const node = nodeOf(isMember(own) && !gone, children)
    if (node !== undefined) out[key] = node
  }
  return out
}

/** The members that have no members below them. */
export function leaves(set: FieldSet): FieldSet {
  const out: Draft = {}
  for (const key in set) {
    if (key === SELF) continue
    const children = leaves(below(set[key]))
    out[key] = isEmptySet(children) ? LEAF : children
  }
  return out
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true
  let count = 0
  for (const key in a) {
    if (key === SELF) continue
    const other = b[key]
    if (other === undefined) return false
    const own = a[key]!
    if (own !== other && (isMember(own) !== isMember(other) || !equalSets(own, other))) return false
    count++
  }
  for (const key in b) if (key !== SELF) count--
  return count === 0
}

/** Whether the path is a member. */
export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let node: FieldSet | undefined = set
  for (const element of path) {
    node = node?.[element]
    if (node === undefined) return false
  }
  return path.length > 0 && node !== undefined && isMember(node)
}

/** A set that grows by one path at a time, in time that does not depend on how many there are. */
export class FieldSetDraft {
  readonly #root: Draft = {}
  /** Nodes of nobody else, which may be changed. */
  readonly #own = new Set<FieldSet>()

  /** Once it is complete: what is added later shows in it. */
  get set(): FieldSet {
    return this.#root
  }

  /** Adds a member, or everything that `node` holds, at a path. */
  add(path: readonly string[], node: FieldSet = LEAF): void {
    const last = path.length - 1
    if (last < 0) return
    let parent = this.#root
    for (let at = 0; at < last; at++) parent = this.#below(parent, path[at]!)
    const element = path[last]!
    const known = parent[element]
    parent[element] = known === undefined ? node : joined(known, node)
  }

  #below(parent: Draft, element: string): Draft {
    const known = parent[element]
    if (known !== undefined && this.#own.has(known)) return known as Draft
    const node: Draft = known === undefined ? {} : isMember(known) ? { [SELF]: LEAF, ...known } : { ...known }
    this.#own.add(node)
    parent[element] = node
    return node
  }
}

const joined = (a: FieldSet, b: FieldSet): FieldSet =>
  nodeOf(isMember(a) || isMember(b), union(below(a), below(b))) ?? LEAF

/** Every member as path of elements: of one level first the members, then what lies deeper, as upstream walks a set. */
export function* pathsOf(set: FieldSet, prefix: readonly string[] = []): Generator<readonly string[]> {
  const keys = sortedElements(set)
  for (const key of keys) if (isMember(set[key]!)) yield [...prefix, key]
  for (const key of keys) yield* pathsOf(set[key]!, [...prefix, key])
}

/** `.spec.containers[name="a"].image`. */
export function pathText(path: readonly string[]): string {
  return path.map(elementText).join('')
}

function sortedElements(set: FieldSet): string[] {
  return sortElements(Object.keys(set).filter(key => key !== SELF))
}

/** The set in the order in which upstream writes it; the same value where it is in order. */
export function canonical(set: FieldSet): FieldSet {
  const keys = Object.keys(set)
  let changed = false
  for (let i = 1; i < keys.length && !changed; i++) {
    changed = keys[i] === SELF || (keys[i - 1] !== SELF && compareElements(keys[i - 1]!, keys[i]!) > 0)
  }
  if (changed) keys.sort((a, b) => (a === SELF ? -1 : b === SELF ? 1 : compareElements(a, b)))
  const children = keys.map(key => (set[key] === LEAF ? LEAF : canonical(set[key]!)))
  if (!changed && children.every((child, i) => child === set[keys[i]!])) return set
  const out: Draft = {}
  for (const [i, key] of keys.entries()) out[key] = children[i]!
  return out
}

/** Whether a value that came from outside is a set of fields. */
export function isFieldSet(value: unknown): value is FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  for (const [key, child] of Object.entries(value)) {
    if (key !== SELF && !isElement(key)) return false
    if (!isFieldSet(child)) return false
  }
  return true
}
