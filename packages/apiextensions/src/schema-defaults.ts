/** Defaults in schemas (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/validation.go, prune.go). */
import { schemas } from '@canopus/api'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import {
  aggregateText,
  clone,
  customResourceSchema,
  DecodeError,
  decodeValue,
  EMPTIED,
  EmbeddedError,
  type FieldError,
  fieldErrorText,
  invalid,
  type StructSchema,
  type StructuralProps,
} from '@canopus/apimachinery'
import { hasDefaults } from './defaults.ts'
import { hasEmbedded, isEmbedded, validateEmbedded } from './embedded.ts'
import { evaluateDefault, ruleTree, type TimeRules, untimed } from './rules/index.ts'
import { itemsOf, propertyPath, someSchema } from './structural.ts'
import { validateValue } from './values.ts'

type Errors = FieldError[]

const objectMeta = (): StructSchema => schemas.schemaOf('am.apis.meta.v1.ObjectMeta')

type Step = string | 0

/** A schema with a default, and where it is. */
interface Place {
  readonly schema: JSONSchemaProps
  readonly path: string
  /** Of the object, custom or embedded, that holds it, and the way from there. */
  readonly root: JSONSchemaProps
  readonly steps: readonly Step[]
  /** Whether it belongs to apiVersion, kind or metadata of that object. */
  readonly inMeta: boolean
}

/** All below maps are left out: there are no defaults in them. */
function* placesOf(place: Place): Generator<Place> {
  const { schema, path } = place
  if (schema.default !== undefined) yield place
  const root = place.steps.length === 0 || isEmbedded(schema)
  const from = root ? { root: { ...schema, 'x-kubernetes-embedded-resource': true }, steps: [], inMeta: false } : place
  const items = itemsOf(schema)
  if (items !== undefined) yield* placesOf({ ...from, schema: items, path: `${path}.items`, steps: [...from.steps, 0] })
  for (const [name, each] of Object.entries(schema.properties ?? {})) {
    const inMeta = from.inMeta || (root && ['apiVersion', 'kind', 'metadata'].includes(name))
    yield* placesOf({
      root: from.root,
      schema: each,
      path: propertyPath(path, name),
      steps: [...from.steps, name],
      inMeta: inMeta && !isEmbedded(each),
    })
  }
}

const start = (schema: JSONSchemaProps, path: string): Place => ({
  schema,
  path,
  root: schema,
  steps: [],
  inMeta: false,
})

/**
 * Defaults must be valid, by the rules too, and, unless `unpruned` are let through, hold nothing that pruning would take away. All
 * rules together may cost as much as those of an object.
 */
export function checkDefaults(
  errors: Errors,
  schema: JSONSchemaProps,
  path: string,
  unpruned: boolean,
  time: TimeRules = untimed,
): void {
  let budget: number | undefined
  for (const place of placesOf(start(schema, path))) {
    const { schema: own, steps, inMeta } = place
    const at = `${place.path}.default`
    const value: unknown = own.default
    if (!inMeta && !unpruned && !isPruned(own)) errors.push(invalid(at, value, 'must not have unknown fields'))
    const wrong = inMeta ? checkMetaDefault(place, value, at) : checkDefault(own, value, at)
    errors.push(...wrong)
    const rules = wrong.length > 0 ? undefined : ruleTree(own, time, steps.length === 0 || isEmbedded(own))
    if (rules === undefined) continue
    const found = evaluateDefault(rules, value, at, budget)
    errors.push(...found.errors)
    budget = found.budget
    if (budget < 0) return
  }
}

function checkMetaDefault(place: Place, value: unknown, at: string): FieldError[] {
  const wrong = metadataProblem(place)
  return wrong === undefined
    ? checkValue(place.schema, value, at)
    : [invalid(at, value, `must result in valid metadata: ${wrong}`)]
}

/** Looks at the object that has nothing but this default. */
function metadataProblem({ root, steps, schema }: Place): string | undefined {
  const object = {
    apiVersion: 'validation/v1',
    kind: 'Validation',
    ...(around(steps, clone(schema.default)) as object),
  }
  try {
    decodeValue(customResourceSchema(root as StructuralProps, objectMeta(), ''), clone(object))
  } catch (error) {
    if (error instanceof EmbeddedError) return error.message
    throw error
  }
  const errors = validateEmbedded(root, object).map(fieldErrorText)
  return errors.length === 0 ? undefined : aggregateText(errors)
}

const around = (steps: readonly Step[], value: unknown): unknown =>
  steps.reduceRight<unknown>((inner, step) => (step === 0 ? [inner] : { [step]: inner }), value)

/** A default may be neither a number nor a text where that is asked of values: upstream forgets it here. */
const checkValue = (schema: JSONSchemaProps, value: unknown, at: string): FieldError[] =>
  validateValue(someSchema(schema, isIntOrString) ? ofAnyType(schema) : schema, value, '').map(each => below(at, each))

/** What is wrong with objects in it comes first, alone. */
function checkDefault(schema: JSONSchemaProps, value: unknown, at: string): FieldError[] {
  try {
    decodeValue(fieldOnly(at, schema, objectMeta()), { [at]: clone(value) })
  } catch (error) {
    if (error instanceof EmbeddedError) return [error.finding]
    throw error
  }
  const embedded = validateEmbedded(schema, value, at)
  return embedded.length > 0 ? embedded : checkValue(schema, value, at)
}

const isIntOrString = (schema: JSONSchemaProps): boolean => schema['x-kubernetes-int-or-string'] === true

function ofAnyType(schema: JSONSchemaProps): JSONSchemaProps {
  const { 'x-kubernetes-int-or-string': _, ...rest } = schema
  const { properties, additionalProperties } = schema
  const items = itemsOf(schema)
  return {
    ...rest,
    ...(items !== undefined && { items: ofAnyType(items) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: ofAnyType(additionalProperties) }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, ofAnyType(each)])),
    }),
  }
}

const below = (path: string, error: FieldError): FieldError => ({
  ...error,
  field: error.field === '' || error.field === '<nil>' ? path : `${path}.${error.field.replace(/^\./, '')}`,
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
export function hasUnprunedDefaults(root: JSONSchemaProps): boolean {
  for (const { schema, inMeta } of placesOf(start(root, ''))) if (!inMeta && !isPruned(schema)) return true
  return false
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

/** What decoding leaves of a value there, in an object that has nothing else. */
function prunedAt(root: StructSchema, path: readonly Step[], value: unknown): unknown {
  let object: object
  try {
    object = decodeValue(root, around(path, clone(value))).object
  } catch (error) {
    // Validation lets nobody write such a default any more.
    if (error instanceof DecodeError) return value
    throw error
  }
  return path.reduce<unknown>((outer, step) => (outer as Record<Step, unknown> | undefined)?.[step], object)
}
