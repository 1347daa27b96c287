import {
  equalBySchema,
  equalFields,
  type KubeObject,
  parseApiVersion,
  type StructSchema,
  semanticEqual,
} from '@canopus/apimachinery'
import { schemaOfKind, schemas } from '../../schemas.ts'

/** Whether two values of the message of that name in the table (`core.v1.PodSpec`) mean the same. */
export const sameAs = (message: string, a: unknown, b: unknown): boolean =>
  a === b || equalBySchema(schemas.schemaOf(message), a, b)

/** Whether a field of two values of that message means the same in both. */
export const sameIn = <T extends object>(message: string, name: keyof T & string, a: T, b: T): boolean =>
  sameField(schemas.schemaOf(message), name, a[name], b[name])

/** Whether two objects of one kind mean the same, leaving out some fields of the top level. */
export function sameExcept(a: KubeObject, b: KubeObject, except: readonly string[]): boolean {
  const left = a as unknown as Record<string, unknown>
  const right = b as unknown as Record<string, unknown>
  const schema = schemaOfKind({ ...parseApiVersion(a.apiVersion ?? ''), kind: a.kind ?? '' })
  const same = (key: string): boolean => except.includes(key) || sameField(schema, key, left[key], right[key])
  for (const key in left) if (!same(key)) return false
  for (const key in right) if (!(key in left) && !same(key)) return false
  return true
}

function sameField(schema: StructSchema | undefined, key: string, a: unknown, b: unknown): boolean {
  if (a === b) return true
  const field = schema?.fields.get(key)
  return field === undefined ? semanticEqual(a, b) : equalFields(field, a, b)
}
