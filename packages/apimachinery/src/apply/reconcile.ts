import { below, type FieldSet, isEmptySet, isMember, LEAF, nodeOf } from './field-set.ts'
import { typeBelow } from './remove.ts'
import type { Type } from './shape.ts'

/**
 * A set that was made when the schema still told more apart: what lies in values that are atomic now becomes the value itself
 * (sigs.k8s.io/structured-merge-diff/typed/reconcile_schema.go). The same set where nothing changes.
 */
export function reconcile(type: Type, fields: FieldSet): FieldSet {
  let out: Record<string, FieldSet> | undefined
  for (const [element, node] of Object.entries(fields)) {
    if (element === '.' || node === LEAF) continue
    const child = typeBelow(type, element)
    const inner = below(node)
    if (child === undefined || isEmptySet(inner)) continue
    let next: FieldSet
    if (child.atomic) next = LEAF
    else {
      const rest = reconcile(child, inner)
      if (rest === inner) continue
      next = nodeOf(isMember(node), rest) ?? LEAF
    }
    out ??= { ...fields }
    out[element] = next
  }
  return out ?? fields
}
