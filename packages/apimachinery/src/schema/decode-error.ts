import type { Field, StructSchema } from './schema.ts'

/** The value does not fit the kind. The message is Go's; the API server answers 400 with it. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DecodeError'
  }
}

/** A step of the way from the root to a value: a field of a struct, a key of a map, an index of a list. */
export type Step = { struct: StructSchema; field: Field } | string | number

/** `spec.containers[0].image`: how strict findings name a field. */
export function pathText(steps: readonly Step[], last?: string): string {
  let text = ''
  for (const step of last === undefined ? steps : [...steps, last]) {
    if (typeof step === 'number') text += `[${step}]`
    else text += `${text === '' ? '' : '.'}${typeof step === 'string' ? step : step.field.name}`
  }
  return text
}

/** The message of Go's json.UnmarshalTypeError: names struct fields only (embedded structs, too), no keys and no indices. */
export function typeErrorText(found: string, goType: string, steps: readonly Step[]): string {
  const fields = steps.filter(step => typeof step === 'object')
  const innermost = fields.at(-1)
  if (innermost === undefined) return `json: cannot unmarshal ${found} into Go value of type ${goType}`
  const struct = innermost.struct.goType.slice(innermost.struct.goType.lastIndexOf('.') + 1)
  const path = fields
    .map(({ field }) => (field.embeddedIn === undefined ? field.name : `${field.embeddedIn}.${field.name}`))
    .join('.')
  return `json: cannot unmarshal ${found} into Go struct field ${struct}.${path} of type ${goType}`
}
