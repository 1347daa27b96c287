import type { Value } from '../values/value.ts'
import { type Attribute, evalAttribute } from './attribute.ts'
import type { Eval } from './frame.ts'

/**
 * A part of a plan. Constants and attributes (a variable with its fields and indices) are kept as such, since what is around
 * them makes use of it: costs depend on this, see cel-go interpreter/planner.go and runtimecost.go.
 */
export type PlanNode =
  | { readonly kind: 'const'; readonly value: Value }
  | { readonly kind: 'attribute'; readonly attribute: Attribute }
  | { readonly kind: 'other'; readonly eval: Eval }

/** The part as something to run. */
export function toEval(node: PlanNode): Eval {
  if (node.kind === 'attribute') return evalAttribute(node.attribute)
  if (node.kind === 'other') return node.eval
  const { value } = node
  return () => value
}
