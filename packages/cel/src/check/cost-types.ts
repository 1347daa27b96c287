import type { Expr } from '../ast.ts'
import type { CelType } from '../types/type.ts'
import type { Value } from '../values/value.ts'

/** From how little to how much, in units of cost or of size. Nothing is more than `UNKNOWN`. */
export interface Range {
  readonly min: number
  readonly max: number
}

/** A part of an expression as cost estimators see it. */
export interface CostNode {
  /**
   * How the node is reached from a variable: its name, then names of fields, `@items`, `@keys`, `@values`, `@indices`.
   * Empty where it is not reached by fields alone.
   */
  readonly path: readonly string[]
  readonly type: CelType
  readonly expr?: Expr
  /** The size that follows from the expression itself. */
  readonly size?: Range
}

export interface CallEstimate {
  readonly cost: Range
  /** The size of the result, where it is a string, bytes, a list or a map. */
  readonly resultSize?: Range
}

/** Estimates sizes of what comes from outside, say by `maxLength` of a schema. Undefined: unknown. */
export type SizeEstimator = (node: CostNode) => Range | undefined

/** Estimates a call, arguments not included. Undefined: leaves it to the next who knows. */
export type CallEstimator = (
  call: { readonly name: string; readonly overload: string },
  target: CostNode | undefined,
  args: readonly CostNode[],
  sizeOf: SizeEstimator,
) => CallEstimate | undefined

/** The cost of a call with these arguments (the target first) and this result. Undefined: as CEL has it. */
export type CallCost = (
  call: { readonly name: string; readonly overload: string },
  args: readonly Value[],
  result: Value,
) => number | undefined

export const IDENT_COST = 1
export const LIST_CREATE_COST = 10
export const MAP_CREATE_COST = 30
export const STRUCT_CREATE_COST = 40
/** Cost of going through a string once, by its length. */
export const STRING_FACTOR = 0.1
/** What the length of a pattern makes of the cost of going through a string once. */
export const REGEX_FACTOR = 0.25

/** As much as may be: where upstream has the largest uint64. */
export const UNKNOWN = 2 ** 64

export const fixed = (value: number): Range => ({ min: value, max: value })
export const unknownRange: Range = { min: 0, max: UNKNOWN }
export const add = (a: Range, b: Range): Range => ({ min: saturate(a.min + b.min), max: saturate(a.max + b.max) })
export const multiply = (a: Range, b: Range): Range => ({ min: product(a.min, b.min), max: product(a.max, b.max) })
export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) })
/** Rounded up. */
export const scale = (range: Range, factor: number): Range => ({
  min: saturate(Math.ceil(product(range.min, factor))),
  max: saturate(Math.ceil(product(range.max, factor))),
})

const saturate = (value: number): number => Math.min(value, UNKNOWN)
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : saturate(a * b))
