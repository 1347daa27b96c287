import { type CallCost, REGEX_FACTOR, STRING_FACTOR } from '../check/cost-types.ts'
import type { Overload } from '../check/declarations.ts'
import { OpaqueValue, OptionalValue, sizeOf, type Value } from '../values/value.ts'

/** The size of a value as costs count it: 1 where it has none. */
export function costSize(value: Value): number {
  if (value instanceof OptionalValue) return value.value === undefined ? 1 : costSize(value.value)
  if (value instanceof OpaqueValue) return value.costSize() ?? 1
  return sizeOf(value) ?? 1
}

type OverloadCost = (args: readonly Value[]) => number

const traversal = (size: number): number => Math.ceil(size * STRING_FACTOR)

/** Cost of `a == b`: as long as the shorter of both. */
export function equalityCost(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') {
    const shorter = a.length < b.length ? a : b
    // So far the number of UTF-16 units says as much as that of code points.
    if (shorter.length <= 10) return shorter.length === 0 ? 0 : 1
  }
  return traversal(Math.min(costSize(a), costSize(b)))
}

const shorter: OverloadCost = args => equalityCost(args[0]!, args[1]!)
const firstTraversed: OverloadCost = args => traversal(costSize(args[0]!))
const bothTraversed: OverloadCost = args => traversal(costSize(args[0]!) + costSize(args[1]!))
const pattern: OverloadCost = args =>
  Math.ceil((1 + costSize(args[0]!)) * STRING_FACTOR) * Math.ceil(costSize(args[1]!) * REGEX_FACTOR)

/** Overloads whose cost depends on their arguments; all others cost 1. Facts: cel-go interpreter/runtimecost.go. */
const standard: Readonly<Record<string, OverloadCost>> = {
  starts_with_string: firstTraversed,
  ends_with_string: firstTraversed,
  string_to_bytes: firstTraversed,
  bytes_to_string: firstTraversed,
  strings_quote: firstTraversed,
  string_format: firstTraversed,
  in_list: args => costSize(args[1]!),
  less_string: shorter,
  greater_string: shorter,
  less_equals_string: shorter,
  greater_equals_string: shorter,
  less_bytes: shorter,
  greater_bytes: shorter,
  less_equals_bytes: shorter,
  greater_equals_bytes: shorter,
  add_string: bothTraversed,
  add_bytes: bothTraversed,
  matches_string: pattern,
  contains_string: args => traversal(costSize(args[0]!)) * traversal(costSize(args[1]!)),
}

/** Costs of calls in an environment. */
export class CallCosts {
  /** What libraries say about functions of this name. */
  readonly byFunction: ReadonlyMap<string, CallCost>

  constructor(byFunction: ReadonlyMap<string, CallCost>) {
    this.byFunction = byFunction
  }

  /**
   * The cost of a call: a number where it is always the same. `overload` is empty where only the call can tell which one is
   * meant; upstream then knows no overload either.
   */
  of(
    name: string,
    overload: string,
    overloads: readonly Overload[],
  ): number | ((args: readonly Value[], result: Value) => number) {
    const call = { name, overload }
    const own = overload === '' ? undefined : overloads[0]?.cost
    const library = this.byFunction.get(name)
    const usual = Object.hasOwn(standard, overload) ? standard[overload] : undefined
    if (own === undefined && library === undefined) return usual ?? 1
    return (args, result) => own?.(call, args, result) ?? library?.(call, args, result) ?? usual?.(args) ?? 1
  }
}
