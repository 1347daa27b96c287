import {
  add,
  fixed,
  LIST_CREATE_COST,
  type Range,
  STRING_FACTOR,
  STRUCT_CREATE_COST,
  scale,
} from '../check/cost-types.ts'

/** The shortest requirement of a selector is two characters long: `k,`. */
const REQUIREMENTS_PER_CHARACTER = 0.5

/** Cost of reading a selector of that length. */
export function selectorCost(length: Range): Range {
  const requirements = scale(length, REQUIREMENTS_PER_CHARACTER)
  const made = scale(requirements, LIST_CREATE_COST + STRUCT_CREATE_COST)
  return add(add(fixed(LIST_CREATE_COST), scale(length, STRING_FACTOR)), made)
}
