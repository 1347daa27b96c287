import {
  add,
  type CallCost,
  type CallEstimate,
  type CallEstimator,
  type CostNode,
  fixed,
  LIST_CREATE_COST,
  type Range,
  type SizeEstimator,
  STRING_FACTOR,
  scale,
  unknownRange,
} from '../check/cost-types.ts'

/** The size of a node from the expression, else from whoever knows the schema, else unknown. */
export const sizeOfNode = (node: CostNode, sizes: SizeEstimator): Range => node.size ?? sizes(node) ?? unknownRange

/** A function that always costs the same. */
export const constantCost =
  (cost: number): CallCost =>
  () =>
    cost
export const constantEstimate =
  (cost: number): CallEstimator =>
  () => ({ cost: fixed(cost) })

/** Cost of going through a string of that length once. */
export const traversal = (size: number): number => Math.ceil(size * STRING_FACTOR)

/** A call that makes a list: for the call, for the list and for each element. */
export function listCall(factor: number, size: Range): CallEstimate {
  return { cost: add(scale(size, factor), fixed(1 + LIST_CREATE_COST)), resultSize: size }
}

/** The same for a call that was made. */
export const listCallCost = (factor: number, size: number): number => Math.floor(size * factor) + 1 + LIST_CREATE_COST

/** The value of an int literal, where it is one. */
export function literalInt(node: CostNode): number | undefined {
  if (node.expr?.kind !== 'literal') return undefined
  const { value } = node.expr
  return typeof value === 'number' || typeof value === 'bigint' ? Math.max(Number(value), 0) : undefined
}
