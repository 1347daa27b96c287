/** In which order upstream tells what strict validation finds, which is not always that of the text. */
import type { Schema, StructSchema } from '@canopus/apimachinery'

type Plain = Record<string, unknown>

/** The same value with the keys of every object in order, as it comes out of a Go map. */
export function withSortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSortedKeys)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const sorted: [string, unknown][] = Object.keys(value)
    .sort()
    .map(key => [key, withSortedKeys((value as Plain)[key])])
  return Object.fromEntries(sorted)
}

/**
 * Findings about fields that a custom kind does not know: those of the object's own metadata first, then those that its schema does not
 * have, in the order of their paths, then those of the metadata of objects inside (schemaCoercingDecoder in
 * k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go).
 */
export function customUnknownFields(schema: StructSchema, paths: readonly string[]): string[] {
  const rank = (path: string): number => (path.startsWith('metadata.') ? 0 : isInsideMetadata(schema, path) ? 2 : 1)
  return [...paths]
    .sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))
    .map(path => `unknown field "${path}"`)
}

function isInsideMetadata(root: StructSchema, path: string): boolean {
  let schema: Schema | undefined = root
  for (const step of path.split(/\.|(?=\[\d+\])/)) {
    if (schema === undefined) return false
    if (schema.type === 'struct' && step === 'metadata' && schema.isKind) return true
    schema = below(schema, step)
  }
  return false
}

function below(schema: Schema, step: string): Schema | undefined {
  if (schema.type === 'struct') return schema.fields.get(step)?.schema
  if (schema.type === 'map') return schema.values
  return schema.type === 'list' && step.startsWith('[') ? schema.items : undefined
}
