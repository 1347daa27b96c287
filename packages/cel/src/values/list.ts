import type { Value } from './value.ts'

/** A list. Never changed once it can be seen. */
export abstract class ListValue {
  abstract readonly size: number
  /** The element at an index that is known to be in range. */
  abstract at(index: number): Value

  /** Equality and concatenation of their own: lists that are sets or maps by their schema. */
  equalTo?(other: ListValue): boolean
  concat?(other: ListValue): ListValue

  toArray(): Value[] {
    const all: Value[] = new Array(this.size)
    for (let i = 0; i < all.length; i++) all[i] = this.at(i)
    return all
  }
}

/** A list of values that are there already. */
export class ArrayList extends ListValue {
  readonly values: Value[]

  constructor(values: Value[]) {
    super()
    this.values = values
  }

  get size(): number {
    return this.values.length
  }

  at(index: number): Value {
    return this.values[index] as Value
  }

  override toArray(): Value[] {
    return this.values
  }
}

/** A list of things that become values when somebody looks. */
export class LazyList<T> extends ListValue {
  readonly raw: readonly T[]
  readonly adapt: (element: T) => Value

  constructor(raw: readonly T[], adapt: (element: T) => Value) {
    super()
    this.raw = raw
    this.adapt = adapt
  }

  get size(): number {
    return this.raw.length
  }

  at(index: number): Value {
    return this.adapt(this.raw[index] as T)
  }
}

/** Two lists, one behind the other, without copying either. */
class ConcatList extends ListValue {
  readonly size: number
  readonly left: ListValue
  readonly right: ListValue

  constructor(left: ListValue, right: ListValue) {
    super()
    this.left = left
    this.right = right
    this.size = left.size + right.size
  }

  at(index: number): Value {
    return index < this.left.size ? this.left.at(index) : this.right.at(index - this.left.size)
  }

  override toArray(): Value[] {
    return [...this.left.toArray(), ...this.right.toArray()]
  }
}

/** From this size on a concatenation keeps its parts; below, copying is cheaper than looking through them. */
const SMALL = 32

export function concatLists(left: ListValue, right: ListValue): ListValue {
  if (left.concat !== undefined) return left.concat(right)
  if (left.size === 0) return right
  if (right.size === 0) return left
  if (left.size + right.size <= SMALL || left instanceof ConcatList) {
    return new ArrayList([...left.toArray(), ...right.toArray()])
  }
  return new ConcatList(left, right)
}

/** The accumulator of a loop: its owner alone may append, before anybody else sees it. */
export class GrowingList extends ArrayList {}
