/** The fields of an object. */
import { ElementError, entryElement, fieldElement, sortElements } from './elements.ts'
import { below, EMPTY, type FieldSet, isEmptySet, isMember, LEAF, nodeOf } from './field-set.ts'
import {
  childType,
  DEDUCED,
  elementOf,
  entryType,
  type FieldType,
  formOf,
  isNamed,
  isVoid,
  listOf,
  type Plain,
  structOf,
  type Type,
} from './shape.ts'

type Draft = Record<string, FieldSet>

/**
 * The leaves that an object mentions, and the entries of its lists and maps: what an applied configuration owns
 * (sigs.k8s.io/structured-merge-diff/typed/tofieldset.go). Parts that are the same in `known`, what the same manager applied
 * last, are taken from there: most configurations mention what they did before, and who compares need not look into it.
 */
export function mentioned(type: Type, value: unknown, known: FieldSet = EMPTY): FieldSet {
  const found = mentionedBelow(type, value, known)
  return found === known ? below(known) : found
}

/** Where `known` has the very same children the result is `known`, whether that is a member or not. */
function mentionedBelow(type: Type, value: unknown, known: FieldSet): FieldSet {
  switch (formOf(type, value)) {
    case 'map':
      return value === null ? EMPTY : mentionedOfMap(type, value as Plain, known)
    case 'list':
      return value === null ? EMPTY : mentionedOfList(type, value as readonly unknown[], known)
    default:
      return EMPTY
  }
}

function mentionedOfMap(type: Type, value: Plain, known: FieldSet): FieldSet {
  const { schema } = type
  const nodes = new Mentioned(known)
  for (const key of Object.keys(value)) {
    const child = childType(schema, key) ?? DEDUCED
    const each = value[key]
    const form = formOf(child, each)
    const member = form === 'leaf' || each === null || (form === 'map' && isVoid(each)) || !isNamed(schema, key)
    const element = elementOf(child, key)
    const before = known[element]
    const node = nodeLike(before, member, mentionedBelow(child, each, before ?? EMPTY))
    if (node !== undefined) nodes.add(element, node)
  }
  return nodes.set()
}

function mentionedOfList(type: Type, value: readonly unknown[], known: FieldSet): FieldSet {
  const list = listOf(type)
  const items = entryType(list.items)
  const nodes = new Mentioned(known)
  for (const each of value) {
    const element = entryElement(list, each)
    const before = known[element]
    nodes.addEntry(element, nodeLike(before, true, mentionedBelow(items, each, before ?? EMPTY))!)
  }
  return nodes.set()
}

/** As `nodeOf`; the node known before where it says the same. */
function nodeLike(known: FieldSet | undefined, member: boolean, children: FieldSet): FieldSet | undefined {
  if (known === undefined) return nodeOf(member, children)
  if (children === known || (isEmptySet(children) && isEmptySet(known))) {
    return isMember(known) === member ? known : nodeOf(member, below(known))
  }
  return nodeOf(member, children)
}

/** Collects nodes; what is known already is built anew only where something differs. */
class Mentioned {
  readonly #known: FieldSet
  readonly #same: string[] = []
  #out: Draft | undefined

  constructor(known: FieldSet) {
    this.#known = known
    if (known === EMPTY) this.#out = {}
  }

  add(element: string, node: FieldSet): void {
    if (this.#out !== undefined) this.#out[element] = node
    else if (this.#known[element] === node) this.#same.push(element)
    else this.#draft()[element] = node
  }

  /** Entries that cannot be told apart are one leaf. */
  addEntry(element: string, node: FieldSet): void {
    const again = this.#out === undefined ? this.#same.includes(element) : this.#out[element] !== undefined
    if (again) this.#draft()[element] = LEAF
    else this.add(element, node)
  }

  set(): FieldSet {
    if (this.#out !== undefined) return this.#out
    let count = 0
    for (const key in this.#known) if (key !== '.') count++
    return count === this.#same.length ? this.#known : this.#draft()
  }

  #draft(): Draft {
    if (this.#out === undefined) {
      this.#out = {}
      for (const element of this.#same) this.#out[element] = this.#known[element]!
    }
    return this.#out
  }
}

/** Everything below a value that is new, with all that lies between: a node of the set of added or removed fields. */
export function everything(type: Type, value: unknown): FieldSet {
  if (isVoid(value))
    return type.schema.type === 'struct' && !type.atomic && value !== null ? allOfMap(type, {}, true) : LEAF
  switch (formOf(type, value)) {
    case 'map':
      return allOfMap(type, value as Plain, true)
    case 'list':
      return allOfList(type, value as readonly unknown[])
    default:
      return LEAF
  }
}

function allOfMap(type: Type, value: Plain, self: boolean): FieldSet {
  const { schema } = type
  const out: Draft = self ? { '.': LEAF } : {}
  const keys = Object.keys(value).sort()
  if (schema.type === 'struct') {
    const { fields, always } = structOf(schema)
    if (addMissing(keys, value, always)) keys.sort()
    for (const key of keys) {
      const field = fields.get(key)
      const each = value[key]
      if (field === undefined) out[fieldElement(key)] = everything(DEDUCED, each)
      else out[field.element] = field.atomic ? LEAF : everything(field, each === undefined ? field.zero : each)
    }
  } else {
    const values = schema.type === 'map' ? entryType(schema.values) : DEDUCED
    for (const key of keys) out[fieldElement(key)] = everything(values, value[key])
  }
  return keys.length === 0 ? LEAF : out
}

function addMissing(keys: string[], value: Plain, always: readonly { readonly name: string }[]): boolean {
  const before = keys.length
  for (const { name } of always) if (!Object.hasOwn(value, name)) keys.push(name)
  return keys.length > before
}

function allOfList(type: Type, value: readonly unknown[]): FieldSet {
  return entriesOfNew(type, value, { '.': LEAF })
}

function entriesOfNew(type: Type, value: readonly unknown[], out: Draft): FieldSet {
  const list = listOf(type)
  const items = entryType(list.items)
  const elements: string[] = []
  const nodes = new Map<string, FieldSet>()
  for (const each of value) {
    const element = tryElement(list, each)
    if (element === undefined) continue
    if (!nodes.has(element)) elements.push(element)
    nodes.set(element, nodes.has(element) ? LEAF : everything(items, each))
  }
  for (const element of sortElements(elements)) out[element] = nodes.get(element)!
  return out
}

/**
 * What a new object adds to nothing, in canonical order: as `compare` of `{}` with it, at a fraction of the time. What Go
 * writes for a struct that nobody set is there already.
 */
export function addedToNothing(type: Type, value: Plain): FieldSet {
  const { schema } = type
  if (schema.type !== 'struct') return below(everything(type, value))
  const { fields } = structOf(schema)
  const out: Draft = {}
  for (const key of Object.keys(value).sort()) {
    const field = fields.get(key)
    const each = value[key]
    if (field === undefined) out[fieldElement(key)] = everything(DEDUCED, each)
    else {
      const node = field.zero === undefined ? everything(field, each) : addedToZero(field, each)
      if (node !== undefined) out[field.element] = node
    }
  }
  return out
}

function addedToZero(field: FieldType, value: unknown): FieldSet | undefined {
  // A list that was given without entries is another thing to Go than none, which is null.
  if (value === null || value === undefined || (isVoid(value) && field.zero !== null && isVoid(field.zero)))
    return undefined
  if (isVoid(value) && field.schema.type !== 'struct') return LEAF
  switch (formOf(field, value)) {
    case 'map':
      return nodeOf(false, addedToNothing(field, value as Plain))
    case 'list':
      return nodeOf(false, entriesOfNew(field, value as readonly unknown[], {}))
    default:
      return value === field.zero ? undefined : LEAF
  }
}

/** The element of an entry, or nothing where it cannot be told: stored objects may hold what apply would refuse. */
export function tryElement(list: ReturnType<typeof listOf>, entry: unknown): string | undefined {
  try {
    return entryElement(list, entry)
  } catch (error) {
    if (error instanceof ElementError) return undefined
    throw error
  }
}
