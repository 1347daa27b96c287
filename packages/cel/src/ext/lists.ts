import {
  type CallCost,
  type CallEstimator,
  fixed,
  multiply,
  type Range,
  STRING_FACTOR,
  UNKNOWN,
} from '../check/cost-types.ts'
import { type FunctionDecl, func, member, type Overload, overload } from '../check/declarations.ts'
import type { Library } from '../environment.ts'
import { costSize } from '../plan/call-cost.ts'
import { MacroError } from '../syntax/builder.ts'
import { type Macro, variableName } from '../syntax/macro.ts'
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  stringType,
  timestampType,
  typeParam,
  uintType,
} from '../types/type.ts'
import { compare, equals } from '../values/equality.ts'
import { CelError } from '../values/error.ts'
import { ArrayList, ListValue } from '../values/list.ts'
import type { Int } from '../values/numbers.ts'
import { typeOf, type Value } from '../values/value.ts'
import { listCall, listCallCost, literalInt, sizeOfNode } from './cost-helpers.ts'

const list = listOf(typeParam('T'))

/** Types whose values have an order. */
export const comparableTypes: readonly CelType[] = [
  intType,
  uintType,
  doubleType,
  boolType,
  durationType,
  timestampType,
  stringType,
  bytesType,
]

function slice(values: ListValue, start: Int, end: Int): ListValue {
  const refuse = (why: string): CelError => new CelError(`cannot slice(${start}, ${end}), ${why}`)
  if (start < 0 || end < 0) throw refuse('negative indexes not supported')
  if (start > end) throw refuse('start index must be less than or equal to end index')
  if (end > values.size) throw refuse(`list is length ${values.size}`)
  return new ArrayList(values.toArray().slice(Number(start), Number(end)))
}

function flatten(values: ListValue, depth: Int): ListValue {
  if (depth < 0) throw new CelError('level must be non-negative')
  const flat = (inner: ListValue, left: number): Value[] =>
    inner.toArray().flatMap(value => (value instanceof ListValue && left > 0 ? flat(value, left - 1) : [value]))
  return new ArrayList(flat(values, Number(depth)))
}

function distinct(values: ListValue): ListValue {
  const unique: Value[] = []
  for (const value of values.toArray()) if (!unique.some(other => equals(other, value))) unique.push(value)
  return new ArrayList(unique)
}

/** The longest list that `lists.range` makes; the cost limit stops expressions long before. */
const LONGEST_RANGE = 10_000_000

function range(size: Int): ListValue {
  if (size > LONGEST_RANGE) throw new CelError(`lists.range(${size}) is too long`)
  return new ArrayList(Array.from({ length: Math.max(Number(size), 0) }, (_, index) => index))
}

function sortBy(values: ListValue, keys: ListValue): ListValue {
  if (values.size !== keys.size) {
    const sizes = `${values.size} and ${keys.size} elements respectively`
    const text = 'expected a list of the same size as the associated keys list, but got'
    throw new CelError(`@sortByAssociatedKeys() ${text} ${sizes}`)
  }
  const order = keys.toArray().map((key, index) => ({ key, index }))
  if (order.some(({ key }) => typeOf(key).name !== typeOf(order[0]!.key).name)) {
    throw new CelError('list elements must have the same type')
  }
  if (order.length > 0 && !comparableTypes.some(type => type.name === typeOf(order[0]!.key).name)) {
    throw new CelError('list elements must be comparable')
  }
  order.sort((a, b) => compare(a.key, b.key) ?? 0)
  return new ArrayList(order.map(({ index }) => values.at(index)))
}

const sliceEstimate: CallEstimator = (_call, target, args, sizes) => {
  const start = literalInt(args[0]!) ?? 0
  const end = literalInt(args[1]!) ?? sizeOfNode(target!, sizes).max
  // Upstream subtracts unsigned numbers, of which there are no negative ones.
  return listCall(1, fixed(end >= start ? end - start : UNKNOWN))
}

const ofTarget =
  (factor: number, size: (size: Range) => Range = same => same): CallEstimator =>
  (_call, target, _args, sizes) =>
    listCall(factor, size(sizeOfNode(target!, sizes)))

const flattenEstimate: CallEstimator = (_call, target, args, sizes) =>
  listCall(args.length === 0 ? 1 : (literalInt(args[0]!) ?? UNKNOWN), sizeOfNode(target!, sizes))

const squared = (size: Range): Range => multiply(size, size)

/** Two looks at each pair, and for strings also at what is in them. */
const sortFactor = (type: CelType): number => (type === stringType || type === bytesType ? 2 + STRING_FACTOR : 2)

const resultSize: CallCost = (_call, _args, result) => listCallCost(1, costSize(result))
const flattenCost: CallCost = (_call, args) => listCallCost(args.length === 2 ? Number(args[1]) : 1, costSize(args[0]!))

function pairsCost(values: Value): number {
  const size = costSize(values)
  const first = values instanceof ListValue && size > 0 ? typeOf(values.at(0)) : intType
  return listCallCost(sortFactor(first), size * size)
}

const sorts: readonly Overload[] = comparableTypes.map(type =>
  member(`list_${type.name}_sort`, [listOf(type)], listOf(type), (values: ListValue) => sortBy(values, values), {
    estimate: ofTarget(sortFactor(type), squared),
    cost: (_call, args) => pairsCost(args[0]!),
  }),
)

const sortsByKeys: readonly Overload[] = comparableTypes.map(type =>
  member(`list_${type.name}_sortByAssociatedKeys`, [list, listOf(type)], list, sortBy, {
    estimate: (_call, _target, args, sizes) => listCall(sortFactor(type), squared(sizeOfNode(args[0]!, sizes))),
    cost: (_call, args) => pairsCost(args[1]!),
  }),
)

const functions: readonly FunctionDecl[] = [
  func(
    'slice',
    member('list_slice', [list, intType, intType], list, slice, { estimate: sliceEstimate, cost: resultSize }),
  ),
  func(
    'flatten',
    member('list_flatten', [listOf(list)], list, (values: ListValue) => flatten(values, 1), {
      estimate: flattenEstimate,
      cost: flattenCost,
      anyElements: true,
    }),
    member('list_flatten_int', [listOf(dynType), intType], listOf(dynType), flatten, {
      estimate: flattenEstimate,
      cost: flattenCost,
      anyElements: true,
    }),
  ),
  func('sort', ...sorts),
  func('@sortByAssociatedKeys', ...sortsByKeys),
  func(
    'lists.range',
    overload('lists_range', [intType], listOf(intType), range, {
      estimate: (_call, _target, args) => listCall(1, fixed(literalInt(args[0]!) ?? UNKNOWN)),
      cost: resultSize,
    }),
  ),
  func(
    'reverse',
    member('list_reverse', [list], list, (values: ListValue) => new ArrayList(values.toArray().toReversed()), {
      estimate: ofTarget(1),
      cost: resultSize,
    }),
  ),
  func(
    'distinct',
    member('list_distinct', [list], list, distinct, {
      estimate: ofTarget(2, squared),
      cost: (_call, args) => pairsCost(args[0]!),
    }),
  ),
]

const sortable = new Set(['list', 'select', 'ident', 'comprehension', 'call'])
const INPUT = '@__sortBy_input__'

/** `values.sortBy(name, key)`: by what the expression `key` makes of each element. */
const sortByMacro: Macro = {
  name: 'sortBy',
  args: 2,
  receiver: true,
  expand(build, target, args) {
    if (!sortable.has(target!.kind)) {
      const text = 'sortBy can only be applied to a list, identifier, comprehension, call or select expression'
      throw new MacroError(target!.id, text)
    }
    const keys = build.loop({
      range: build.ident(INPUT),
      iterVar: variableName(build, args[0]!),
      accuInit: build.list(),
      condition: build.literal(true),
      step: build.call('_+_', build.accu(), build.list(args[1]!)),
      result: build.accu(),
    })
    return build.loop({
      range: build.list(),
      iterVar: '#unused',
      accuVar: INPUT,
      accuInit: target!,
      condition: build.literal(false),
      step: build.ident(INPUT),
      result: build.memberCall('@sortByAssociatedKeys', build.ident(INPUT), keys),
    })
  },
}

/** More functions of lists. Behaviour and costs: cel-go ext/lists.go, version 3. */
export const listsLibrary: Library = { functions, macros: [sortByMacro] }
