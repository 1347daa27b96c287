import {
  add,
  type CallEstimate,
  type CostNode,
  fixed,
  multiply,
  type Range,
  REGEX_FACTOR,
  STRING_FACTOR,
  scale,
  unknownRange,
} from './cost-types.ts'

type Estimate = (args: readonly CostNode[], target: CostNode | undefined) => CallEstimate | undefined

const sizeOf = (node: CostNode | undefined): Range => node?.size ?? unknownRange
const traversal = (size: Range): Range => scale(size, STRING_FACTOR)

/** As long as the shorter of both, which is at least one comparison unless one of them must be empty. */
const comparison: Estimate = args => {
  const max = Math.min(sizeOf(args[0]).max, sizeOf(args[1]).max)
  return { cost: traversal({ min: max > 0 ? 1 : 0, max }) }
}

const affix: Estimate = args => ({ cost: traversal(sizeOf(args[0])) })

const concatenation: Estimate = args => {
  const resultSize = add(sizeOf(args[0]), sizeOf(args[1]))
  return { cost: traversal(resultSize), resultSize }
}

/** Overloads whose cost depends on sizes. Facts: cel-go checker/cost.go. */
const estimates: Readonly<Record<string, Estimate>> = {
  string_format: (_, target) => target && { cost: traversal(sizeOf(target)) },
  string_to_bytes(args) {
    const size = sizeOf(args[0])
    return { cost: traversal(size), resultSize: { min: size.min, max: size.max * 4 } }
  },
  bytes_to_string(args) {
    const size = sizeOf(args[0])
    return { cost: traversal(size), resultSize: { min: Math.floor(size.min / 4), max: size.max } }
  },
  strings_quote(args) {
    const size = sizeOf(args[0])
    return { cost: traversal(size), resultSize: { min: size.min + 2, max: size.max * 2 + 2 } }
  },
  starts_with_string: affix,
  ends_with_string: affix,
  in_list: args => ({ cost: scale(sizeOf(args[1]), 1) }),
  matches_string(args, target) {
    if (target === undefined) return undefined
    return { cost: multiply(traversal(add(sizeOf(target), fixed(1))), scale(sizeOf(args[0]), REGEX_FACTOR)) }
  },
  contains_string(args, target) {
    return target && { cost: multiply(traversal(sizeOf(target)), traversal(sizeOf(args[0]))) }
  },
  add_string: concatenation,
  add_bytes: concatenation,
  add_list: args => ({ cost: fixed(1), resultSize: add(sizeOf(args[0]), sizeOf(args[1])) }),
  less_string: comparison,
  greater_string: comparison,
  less_equals_string: comparison,
  greater_equals_string: comparison,
  less_bytes: comparison,
  greater_bytes: comparison,
  less_equals_bytes: comparison,
  greater_equals_bytes: comparison,
  equals: comparison,
  not_equals: comparison,
}

/** What CEL itself says of a call; undefined: it costs 1. */
export function standardEstimate(
  overload: string,
  target: CostNode | undefined,
  args: readonly CostNode[],
): CallEstimate | undefined {
  return Object.hasOwn(estimates, overload) ? estimates[overload]!(args, target) : undefined
}
