import { type FunctionDecl, func, member } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { comparableTypes } from '../../ext/lists.ts'
import {
  boolType,
  type CelType,
  doubleType,
  durationType,
  intType,
  listOf,
  typeParam,
  uintType,
} from '../../types/type.ts'
import { compare, equals } from '../../values/equality.ts'
import { CelError, noSuchOverload } from '../../values/error.ts'
import type { ListValue } from '../../values/list.ts'
import { addInt, addUint, isInt } from '../../values/numbers.ts'
import { Duration, makeDuration } from '../../values/time.ts'
import { Double, Uint, type Value } from '../../values/value.ts'

function isSorted(list: ListValue): boolean {
  for (let i = 1; i < list.size; i++) if ((compare(list.at(i - 1), list.at(i)) ?? 0) > 0) return false
  return true
}

function add(a: Value, b: Value): Value {
  if (isInt(a) && isInt(b)) return addInt(a, b)
  if (a instanceof Uint && b instanceof Uint) return addUint(a, b)
  if (a instanceof Double && b instanceof Double) return new Double(a.value + b.value)
  if (a instanceof Duration && b instanceof Duration) return makeDuration(a.nanos + b.nanos)
  throw noSuchOverload()
}

const sum =
  (zero: Value) =>
  (list: ListValue): Value =>
    list.toArray().reduce(add, zero)

/** The first of the greatest (or, with `sign` -1, the smallest) elements. */
const extreme =
  (name: string, sign: number) =>
  (list: ListValue): Value => {
    if (list.size === 0) throw new CelError(`${name} called on empty list`)
    return list.toArray().reduce((best, value) => ((compare(value, best) ?? 0) * sign > 0 ? value : best))
  }

const indexOf = (list: ListValue, value: Value): number => list.toArray().findIndex(element => equals(element, value))
const lastIndexOf = (list: ListValue, value: Value): number =>
  list.toArray().findLastIndex(element => equals(element, value))

/** The short names that upstream has in overload ids. */
const nameOf = ({ kind }: CelType): string => kind

const summable: readonly (readonly [CelType, Value])[] = [
  [intType, 0],
  [uintType, new Uint(0n)],
  [doubleType, new Double(0)],
  [durationType, new Duration(0n)],
]

const ofComparable = (
  name: string,
  id: (type: string) => string,
  result: (type: CelType) => CelType,
  impl: (list: ListValue) => Value,
): FunctionDecl =>
  func(name, ...comparableTypes.map(type => member(id(nameOf(type)), [listOf(type)], result(type), impl)))

const a = typeParam('A')

/** `isSorted`, `sum`, `min`, `max`, `indexOf`, `lastIndexOf`. Behaviour: apiserver pkg/cel/library/lists.go. */
export const kubernetesListsLibrary: Library = {
  functions: [
    ofComparable(
      'isSorted',
      type => `list_${type}_is_sorted_bool`,
      () => boolType,
      isSorted,
    ),
    ofComparable(
      'max',
      type => `list_${type}_max_${type}`,
      type => type,
      extreme('max', 1),
    ),
    ofComparable(
      'min',
      type => `list_${type}_min_${type}`,
      type => type,
      extreme('min', -1),
    ),
    func(
      'sum',
      ...summable.map(([type, zero]) =>
        member(`list_${nameOf(type)}_sum_${nameOf(type)}`, [listOf(type)], type, sum(zero)),
      ),
    ),
    func('indexOf', member('list_a_index_of_int', [listOf(a), a], intType, indexOf)),
    func('lastIndexOf', member('list_a_last_index_of_int', [listOf(a), a], intType, lastIndexOf)),
  ],
}
