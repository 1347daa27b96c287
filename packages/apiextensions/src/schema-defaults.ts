/** Defaults in schemas (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/validation.go, prune.go). */
import { schemas } from '@canopus/api'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import {
  clone,
  customResourceSchema,
  DecodeError,
  decodeValue,
  EMPTIED,
  EmbeddedError,
  type FieldError,
  invalid,
  type StructSchema,
  type StructuralProps,
} from '@canopus/apimachinery'
import { hasDefaults } from './defaults.ts'
import { hasEmbedded, validateEmbedded } from './embedded.ts'
import { itemsOf, propertyPath } from './structural.ts'
import { validateValue } from './values.ts'

type Errors = FieldError[]

const objectMeta = (): StructSchema => schemas.schemaOf('am.apis.meta.v1.ObjectMeta')

/** Defaults must be valid and, unless `unpruned` are let through, hold nothing that pruning would take away. */
export function checkDefaults(errors: Errors, schema: JSONSchemaProps, path: string, unpruned: boolean): void {
  if (schema.default !== undefined) {
    const at = `${path}.default`
    if (!unpruned && !isPruned(schema)) errors.push(invalid(at, schema.default, 'must not have unknown fields'))
    errors.push(...checkDefault(schema, schema.default, at))
  }
  const items = itemsOf(schema)
  if (items !== undefined) checkDefaults(errors, items, `${path}.items`, unpruned)
  for (const [name, each] of Object.entries(schema.properties ?? {}))
    checkDefaults(errors, each, propertyPath(path, name), unpruned)
}

/** What is wrong with objects in it comes first, alone. */
function checkDefault(schema: JSONSchemaProps, value: unknown, at: string): FieldError[] {
  try {
    decodeValue(fieldOnly(at, schema, objectMeta()), { [at]: clone(value) })
  } catch (error) {
    if (error instanceof EmbeddedError) return [error.finding]
    throw error
  }
  const embedded = validateEmbedded(schema, value, at)
  return embedded.length > 0 ? embedded : validateValue(schema, value, '').map(each => below(at, each))
}

const below = (path: string, error: FieldError): FieldError => ({
  ...error,
  field: error.field === '' || error.field === '<nil>' ? path : `${path}.${error.field}`,
})

/** Stands for the metadata of embedded objects, of which pruning takes nothing. */
const UNTOUCHED: StructSchema = { ...EMPTIED, preserveUnknown: true }

const isPruned = (schema: JSONSchemaProps): boolean =>
  decodeValue(fieldOnly('value', schema, UNTOUCHED), { value: clone(schema.default) }).unknownFields.length === 0

/** An object of one field. */
function fieldOnly(name: string, props: JSONSchemaProps, metadata: StructSchema): StructSchema {
  const around = { type: 'object', properties: { [name]: props } } as StructuralProps
  const field = customResourceSchema(around, metadata, '').fields.get(name)!
  return { ...EMPTIED, fields: new Map([[name, field]]) }
}

/** Whether a default somewhere in a schema holds what pruning would take away. */
export function hasUnprunedDefaults(schema: JSONSchemaProps): boolean {
  if (schema.default !== undefined && !isPruned(schema)) return true
  const items = itemsOf(schema)
  if (items !== undefined && hasUnprunedDefaults(items)) return true
  return Object.values(schema.properties ?? {}).some(hasUnprunedDefaults)
}

/**
 * The schema as it is served: of the metadata of embedded objects, defaults set only what ObjectMeta has, in its form. A definition
 * may say more, since what ObjectMeta has differs between releases (defaulting/prune.go).
 */
export function withPrunedDefaults(root: JSONSchemaProps): JSONSchemaProps {
  if (!hasDefaults(root) || !hasEmbedded(root)) return root
  const struct = customResourceSchema(root as StructuralProps, objectMeta(), '')
  const all = (each: Readonly<Record<string, JSONSchemaProps>>, path: readonly Step[]) =>
    Object.fromEntries(Object.entries(each).map(([name, schema]) => [name, prune(schema, [...path, name])]))
  const prune = (schema: JSONSchemaProps, path: readonly Step[]): JSONSchemaProps => {
    const { default: value, ...pruned } = schema
    const { properties, additionalProperties } = schema
    const items = itemsOf(schema)
    const kept = value === undefined ? undefined : prunedAt(struct, path, value)
    if (kept !== undefined) Object.assign(pruned, { default: kept })
    if (properties !== undefined) pruned.properties = all(properties, path)
    if (typeof additionalProperties === 'object')
      pruned.additionalProperties = prune(additionalProperties, [...path, '*'])
    if (items !== undefined) pruned.items = prune(items, [...path, 0])
    return pruned
  }
  return prune(root, [])
}

type Step = string | 0

/** What decoding leaves of a value there, in an object that has nothing else. */
function prunedAt(root: StructSchema, path: readonly Step[], value: unknown): unknown {
  const around = path.reduceRight<unknown>((inner, step) => (step === 0 ? [inner] : { [step]: inner }), clone(value))
  let object: object
  try {
    object = decodeValue(root, around).object
  } catch (error) {
    // Validation lets nobody write such a default any more.
    if (error instanceof DecodeError) return value
    throw error
  }
  return path.reduce<unknown>((outer, step) => (outer as Record<Step, unknown> | undefined)?.[step], object)
}
