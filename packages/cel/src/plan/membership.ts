import type { ListValue } from '../values/list.ts'
import { keyForm } from '../values/map.ts'
import { Double, type Value } from '../values/value.ts'
import type { Frame } from './frame.ts'
import { type PlanNode, toEval } from './node.ts'

/** `x in [constants]`, looked up in a set. Undefined where the list is none of primitive constants. */
export function setMembership(element: PlanNode, list: PlanNode): PlanNode | undefined {
  if (list.kind !== 'const') return undefined
  const values = (list.value as ListValue).toArray()
  if (values.length === 0) return { kind: 'const', value: false }
  const forms = new Set<string | number | bigint | boolean>()
  for (const value of values) {
    const form = memberForm(value)
    if (form === undefined) return undefined
    forms.add(form)
  }
  const run = toEval(element)
  const test = (frame: Frame): boolean => {
    const form = memberForm(run(frame))
    // NaN is equal to nothing.
    return form !== undefined && !Number.isNaN(form) && forms.has(form)
  }
  return { kind: 'other', eval: test }
}

const memberForm = (value: Value): string | number | bigint | boolean | undefined =>
  keyForm(value) ?? (value instanceof Double ? value.value : undefined)
