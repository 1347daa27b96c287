/** Fields that an admission policy sets: merged as apply merges them, but owned by nobody (k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch/smd.go). */
import type { StructSchema } from '../schema/schema.ts'
import { checkConfig, findingsText } from './check.ts'
import { ElementError } from './elements.ts'
import { mergeConfig } from './merge.ts'
import { rootOf } from './ownership.ts'
import { childType, entryType, isMap, listOf, type Plain, type Type } from './shape.ts'

/** The fields cannot be laid over the object; the message is upstream's. */
export class LayOverError extends Error {}

/**
 * The object with all that `fields` says. Shares with both: do not change it. Throws LayOverError where the fields do not fit
 * the schema, or would replace a whole list or map of which the object may have other entries.
 */
export function layOver(schema: StructSchema, object: Plain, fields: Plain): Plain {
  const root = rootOf(schema)
  const findings = checkConfig(root, fields)
  if (findings.length > 0) {
    throw new LayOverError(`failed to convert patch object to typed object: ${findingsText(findings)}`)
  }
  const whole = [...wholes(root, fields, '')]
  if (whole.length > 0) {
    const text = `may not mutate atomic arrays, maps or structs: ${whole.join(', ')}`
    throw new LayOverError(`invalid ApplyConfiguration: ${text}`)
  }
  try {
    return mergeConfig(root, object, fields) as Plain
  } catch (error) {
    if (error instanceof ElementError) throw new LayOverError(`failed to merge patch: ${error.message}`)
    throw error
  }
}

/** Paths of what can only be replaced as a whole. */
function* wholes(type: Type, value: unknown, path: string): Iterable<string> {
  if (isMap(value)) {
    if (type.atomic) yield path
    for (const key of Object.keys(value)) {
      const child = childType(type.schema, key)
      if (child !== undefined) yield* wholes(child, value[key], `${path}.${key}`)
    }
  } else if (Array.isArray(value) && type.schema.type === 'list') {
    const list = listOf(type)
    if (type.atomic) yield path
    for (const [index, each] of value.entries()) yield* wholes(entryType(list.items), each, `${path}[${index}]`)
  }
}
