/**
 * `value` with every part that `known` has too, at the same place, taken from there: equal values that came one after the other then
 * take memory once. Neither is changed; the answer is `known` itself where both say the same. What is no plain data stays as it is.
 */
export function withPartsOf<T>(known: unknown, value: T): T {
  // By value for texts, of which the known one is kept too.
  if (known === value) return known as T
  if (typeof value !== 'object' || typeof known !== 'object' || value === null || known === null) return value
  const prototype = Object.getPrototypeOf(value) as unknown
  if (prototype !== Object.getPrototypeOf(known)) return value
  if (Array.isArray(value)) return withItemsOf(known as readonly unknown[], value) as T
  return prototype === Object.prototype ? (withMembersOf(known as Members, value as Members) as T) : value
}

type Members = Readonly<Record<string, unknown>>

function withItemsOf(known: readonly unknown[], value: readonly unknown[]): readonly unknown[] {
  const common = Math.min(known.length, value.length)
  let copy: unknown[] | undefined
  for (let i = 0; i < common; i++) {
    const part = withPartsOf(known[i], value[i])
    if (copy === undefined && part !== known[i]) copy = copyWithFirst(i, known, value)
    if (copy !== undefined) copy[i] = part
  }
  return copy ?? (known.length === value.length ? known : copyWithFirst(common, known, value))
}

/** What `value` says, with the first `count` items as they are known. Other ways to join lists leave room at the end. */
function copyWithFirst(count: number, known: readonly unknown[], value: readonly unknown[]): unknown[] {
  const copy = value.slice()
  for (let i = 0; i < count; i++) copy[i] = known[i]
  return copy
}

function withMembersOf(known: Members, value: Members): Members {
  let copy: Record<string, unknown> | undefined
  let left = 0
  for (const key in value) {
    // Reading it would ask for the prototype.
    if (key === '__proto__') return copy ?? value
    const own = value[key]
    const before = known[key]
    const part = own === before ? before : withPartsOf(before, own)
    const isSame = part === before && (part !== undefined || Object.hasOwn(known, key))
    if (copy === undefined && !isSame) copy = copyUpTo(key, known, value)
    if (copy !== undefined) copy[key] = part
    left++
  }
  if (copy !== undefined) return copy
  for (const _ in known) left--
  return left === 0 ? known : copyUpTo(undefined, known, value)
}

/** What `value` says, with the members before `end` as they are known. */
function copyUpTo(end: string | undefined, known: Members, value: Members): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...value }
  for (const key in value) {
    if (key === end) break
    copy[key] = known[key]
  }
  return copy
}
