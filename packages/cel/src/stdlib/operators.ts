import { type FunctionDecl, func, type Implementation, type Overload, overload } from '../check/declarations.ts'
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  intType,
  listOf,
  mapOf,
  stringType,
  timestampType,
  typeParam,
  uintType,
} from '../types/type.ts'
import { compare, equals } from '../values/equality.ts'
import { concatLists, GrowingList, type ListValue } from '../values/list.ts'
import type { MapValue } from '../values/map.ts'
import {
  addInt,
  addUint,
  divideInt,
  divideUint,
  type Int,
  moduloInt,
  moduloUint,
  multiplyInt,
  multiplyUint,
  negateInt,
  subtractInt,
  subtractUint,
} from '../values/numbers.ts'
import { addDuration, between, type Duration, makeDuration, subtractDuration, type Timestamp } from '../values/time.ts'
import { Double, type Value } from '../values/value.ts'

const a = typeParam('A')
const b = typeParam('B')
const listOfA = listOf(a)
const mapOfAB = mapOf(a, b)

const doubles =
  (calculate: (x: number, y: number) => number) =>
  (x: Double, y: Double): Double =>
    new Double(calculate(x.value, y.value))

function concatBytes(x: Uint8Array, y: Uint8Array): Uint8Array {
  const joined = new Uint8Array(x.length + y.length)
  joined.set(x)
  joined.set(y, x.length)
  return joined
}

/** A loop's own list grows in place: nobody else has seen it. */
function addLists(x: ListValue, y: ListValue): ListValue {
  if (!(x instanceof GrowingList)) return concatLists(x, y)
  for (let i = 0; i < y.size; i++) x.values.push(y.at(i))
  return x
}

function contains(element: Value, list: ListValue): boolean {
  for (let i = 0; i < list.size; i++) if (equals(list.at(i), element)) return true
  return false
}

const arithmetic: readonly FunctionDecl[] = [
  func(
    '_+_',
    overload('add_bytes', [bytesType, bytesType], bytesType, concatBytes),
    overload(
      'add_double',
      [doubleType, doubleType],
      doubleType,
      doubles((x, y) => x + y),
    ),
    overload('add_duration_duration', [durationType, durationType], durationType, (x: Duration, y: Duration) =>
      makeDuration(x.nanos + y.nanos),
    ),
    overload('add_duration_timestamp', [durationType, timestampType], timestampType, (x: Duration, y: Timestamp) =>
      addDuration(y, x),
    ),
    overload('add_timestamp_duration', [timestampType, durationType], timestampType, addDuration),
    overload('add_int64', [intType, intType], intType, addInt),
    overload('add_list', [listOfA, listOfA], listOfA, addLists),
    overload('add_string', [stringType, stringType], stringType, (x: string, y: string) => x + y),
    overload('add_uint64', [uintType, uintType], uintType, addUint),
  ),
  func(
    '_-_',
    overload(
      'subtract_double',
      [doubleType, doubleType],
      doubleType,
      doubles((x, y) => x - y),
    ),
    overload('subtract_duration_duration', [durationType, durationType], durationType, (x: Duration, y: Duration) =>
      makeDuration(x.nanos - y.nanos),
    ),
    overload('subtract_int64', [intType, intType], intType, subtractInt),
    overload('subtract_timestamp_duration', [timestampType, durationType], timestampType, subtractDuration),
    overload('subtract_timestamp_timestamp', [timestampType, timestampType], durationType, between),
    overload('subtract_uint64', [uintType, uintType], uintType, subtractUint),
  ),
  func(
    '_*_',
    overload(
      'multiply_double',
      [doubleType, doubleType],
      doubleType,
      doubles((x, y) => x * y),
    ),
    overload('multiply_int64', [intType, intType], intType, multiplyInt),
    overload('multiply_uint64', [uintType, uintType], uintType, multiplyUint),
  ),
  func(
    '_/_',
    overload(
      'divide_double',
      [doubleType, doubleType],
      doubleType,
      doubles((x, y) => x / y),
    ),
    overload('divide_int64', [intType, intType], intType, divideInt),
    overload('divide_uint64', [uintType, uintType], uintType, divideUint),
  ),
  func(
    '_%_',
    overload('modulo_int64', [intType, intType], intType, moduloInt),
    overload('modulo_uint64', [uintType, uintType], uintType, moduloUint),
  ),
  func(
    '-_',
    overload('negate_double', [doubleType], doubleType, (x: Double) => new Double(-x.value)),
    overload('negate_int64', [intType], intType, (x: Int) => negateInt(x)),
  ),
]

/** What can be ordered, with the name in overload ids; some of it also across types. */
const ordered: readonly (readonly [string, CelType, CelType])[] = [
  ['bool', boolType, boolType],
  ['int64', intType, intType],
  ['int64_double', intType, doubleType],
  ['int64_uint64', intType, uintType],
  ['uint64', uintType, uintType],
  ['uint64_double', uintType, doubleType],
  ['uint64_int64', uintType, intType],
  ['double', doubleType, doubleType],
  ['double_int64', doubleType, intType],
  ['double_uint64', doubleType, uintType],
  ['string', stringType, stringType],
  ['bytes', bytesType, bytesType],
  ['timestamp', timestampType, timestampType],
  ['duration', durationType, durationType],
]

/** Overloads that only environments with comparisons across numeric types have. */
export const crossTypeOverloads: readonly string[] = ['less', 'less_equals', 'greater', 'greater_equals'].flatMap(
  name => ordered.filter(([, x, y]) => x !== y).map(([suffix]) => `${name}_${suffix}`),
)

function relation(name: string, id: string, decide: (order: number) => boolean): FunctionDecl {
  const general = (x: Value, y: Value): boolean => {
    const order = compare(x, y)
    return order !== undefined && decide(order)
  }
  const ints = (x: Int, y: Int): boolean => decide(x < y ? -1 : x > y ? 1 : 0)
  const impl = (x: CelType, y: CelType): Implementation => (x === intType && y === intType ? ints : general)
  return func(
    name,
    ...ordered.map(([suffix, x, y]): Overload => overload(`${id}_${suffix}`, [x, y], boolType, impl(x, y))),
  )
}

/** The operators. Those without an implementation are the planner's. Behaviour: cel-go common/stdlib/standard.go. */
export const operators: readonly FunctionDecl[] = [
  func('_?_:_', overload('conditional', [boolType, a, a], a)),
  func('_&&_', overload('logical_and', [boolType, boolType], boolType)),
  func('_||_', overload('logical_or', [boolType, boolType], boolType)),
  func(
    '!_',
    overload('logical_not', [boolType], boolType, (x: boolean) => !x),
  ),
  func('@not_strictly_false', overload('not_strictly_false', [boolType], boolType)),
  func('_==_', overload('equals', [a, a], boolType)),
  func('_!=_', overload('not_equals', [a, a], boolType)),
  ...arithmetic,
  relation('_<_', 'less', order => order < 0),
  relation('_<=_', 'less_equals', order => order <= 0),
  relation('_>_', 'greater', order => order > 0),
  relation('_>=_', 'greater_equals', order => order >= 0),
  func('_[_]', overload('index_list', [listOfA, intType], a), overload('index_map', [mapOfAB, a], b)),
  func(
    '@in',
    overload('in_list', [a, listOfA], boolType, contains),
    overload('in_map', [a, mapOfAB], boolType, (key: Value, map: MapValue) => map.has(key)),
  ),
]
