import { add, type CallCost, type CallEstimator, fixed, multiply, scale } from '../check/cost-types.ts'
import { func, overload } from '../check/declarations.ts'
import type { Library } from '../environment.ts'
import { costSize } from '../plan/call-cost.ts'
import { boolType, listOf, typeParam } from '../types/type.ts'
import { equals } from '../values/equality.ts'
import type { ListValue } from '../values/list.ts'
import type { Value } from '../values/value.ts'
import { sizeOfNode } from './cost-helpers.ts'

function has(list: ListValue, value: Value): boolean {
  for (let i = 0; i < list.size; i++) if (equals(list.at(i), value)) return true
  return false
}

const contains = (list: ListValue, sublist: ListValue): boolean => sublist.toArray().every(value => has(list, value))
const intersects = (a: ListValue, b: ListValue): boolean => a.toArray().some(value => has(b, value))
const equivalent = (a: ListValue, b: ListValue): boolean => contains(a, b) && contains(b, a)

/** Each element of one is compared with each of the other, `times` over. */
const estimate =
  (times: number): CallEstimator =>
  (_call, _target, args, sizes) => ({
    cost: add(scale(multiply(sizeOfNode(args[0]!, sizes), sizeOfNode(args[1]!, sizes)), times), fixed(1)),
  })
const cost =
  (times: number): CallCost =>
  (_call, args) =>
    1 + costSize(args[0]!) * costSize(args[1]!) * times

const list = listOf(typeParam('T'))

/** `sets.contains`, `sets.equivalent`, `sets.intersects`. Behaviour and costs: cel-go ext/sets.go. */
export const setsLibrary: Library = {
  functions: [
    func(
      'sets.contains',
      overload('list_sets_contains_list', [list, list], boolType, contains, { cost: cost(1), estimate: estimate(1) }),
    ),
    func(
      'sets.equivalent',
      overload('list_sets_equivalent_list', [list, list], boolType, equivalent, {
        cost: cost(2),
        estimate: estimate(2),
      }),
    ),
    func(
      'sets.intersects',
      overload('list_sets_intersects_list', [list, list], boolType, intersects, {
        cost: cost(1),
        estimate: estimate(1),
      }),
    ),
  ],
}
