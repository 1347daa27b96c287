import type { Range, SizeEstimator } from '../check/cost-types.ts'
import type { TypeProvider } from '../check/declarations.ts'
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  stringType,
  structType,
  timestampType,
} from '../types/type.ts'
import { escapeFieldName, isReservedWord } from './field-names.ts'

/** What expressions need of an OpenAPI v3 schema: what a CustomResourceDefinition writes as `openAPIV3Schema`. */
export interface ValueSchema {
  readonly type?: string
  readonly format?: string
  readonly nullable?: boolean
  readonly properties?: Readonly<Record<string, ValueSchema>>
  readonly additionalProperties?: ValueSchema | boolean
  readonly items?: ValueSchema
  readonly required?: readonly string[]
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly maxLength?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-embedded-resource'?: boolean
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
}

/** A schema as expressions see it. Names of fields are escaped. Behaviour: apiserver pkg/cel/types.go. */
export interface DeclType {
  readonly type: CelType
  /** Fields of an object. */
  readonly fields?: ReadonlyMap<string, DeclType>
  /** Keys of a map. */
  readonly key?: DeclType
  /** Elements of a list, values of a map. */
  readonly element?: DeclType
  /** The most characters, elements or entries that a request has room for; 0 where it does not matter. */
  readonly maxElements: number
  /** The fewest bytes of JSON. */
  readonly minSize: number
}

/** The largest request, which bounds what schemas leave open. */
export const MAX_REQUEST_BYTES = 3 * 1024 * 1024

const MAX_TEXT = MAX_REQUEST_BYTES - 2
const MAX_TIME = 32
const DATE_SIZE = 12

const decl = (type: CelType, minSize: number, maxElements = 0): DeclType => ({ type, minSize, maxElements })

const keyDecl = decl(stringType, 2)
const scalars: Readonly<Record<string, DeclType>> = {
  boolean: decl(boolType, 4),
  number: decl(doubleType, 1),
  integer: decl(intType, 1),
}

const atLeastZero = (value: number): number => Math.max(value, 0)

/** Properties that every resource has, whatever its schema says. Behaviour: WithTypeAndObjectMeta. */
const metaProperties: Readonly<Record<string, ValueSchema>> = {
  kind: { type: 'string' },
  apiVersion: { type: 'string' },
  metadata: { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } },
}

/** The schema of a resource with the fields that each has. */
export function withResourceMeta(schema: ValueSchema): ValueSchema {
  const { properties } = schema
  const metadata = properties?.metadata?.properties
  const complete =
    properties?.kind?.type === 'string' &&
    properties.apiVersion?.type === 'string' &&
    properties.metadata?.type === 'object' &&
    metadata?.name?.type === 'string' &&
    metadata.generateName?.type === 'string'
  return complete ? schema : { ...schema, properties: { ...properties, ...metaProperties } }
}

/**
 * What expressions can do with values of a schema; undefined where they can do nothing with them. `name` is what its object
 * types are called. Behaviour: apiserver pkg/cel/common/schemas.go (SchemaDeclType).
 */
export function declareSchema(schema: ValueSchema, isResource: boolean, name = 'selfType'): DeclType | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) return decl(dynType, 1, textLimit(schema))
  const complete = isResource ? withResourceMeta(schema) : schema
  switch (complete.type) {
    case 'array':
      return declareList(complete, name)
    case 'object':
      return declareObject(complete, name)
    case 'string':
      return declareString(complete)
    default:
      return complete.type === undefined ? undefined : scalars[complete.type]
  }
}

const declareNested = (schema: ValueSchema, name: string): DeclType | undefined =>
  declareSchema(schema, schema['x-kubernetes-embedded-resource'] === true, name)

function declareList(schema: ValueSchema, name: string): DeclType | undefined {
  const element = schema.items && declareNested(schema.items, `${name}.@idx`)
  if (element === undefined) return undefined
  const maxElements =
    schema.maxItems === undefined
      ? Math.floor((MAX_REQUEST_BYTES - 2) / (element.minSize + 1))
      : atLeastZero(schema.maxItems)
  return { type: listOf(element.type), element, maxElements, minSize: 2 }
}

function declareObject(schema: ValueSchema, name: string): DeclType | undefined {
  const { additionalProperties } = schema
  if (typeof additionalProperties === 'object') {
    const element = declareNested(additionalProperties, `${name}.@elem`)
    if (element === undefined) return undefined
    const maxElements =
      schema.maxProperties === undefined
        ? Math.floor((MAX_REQUEST_BYTES - 2) / (element.minSize + 6))
        : atLeastZero(schema.maxProperties)
    return { type: mapOf(stringType, element.type), key: keyDecl, element, maxElements, minSize: 2 }
  }
  const fields = new Map<string, DeclType>()
  let minSize = 2
  for (const [property, propertySchema] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeFieldName(property)
    const field = declareNested(propertySchema, `${name}.${escaped ?? property}`)
    if (field === undefined) continue
    if (escaped !== undefined) fields.set(escaped, field)
    const needed = schema.required?.includes(property) === true && propertySchema.default === undefined
    if (needed) minSize += property.length + field.minSize + 4
  }
  return { type: structType(name), fields, maxElements: 0, minSize }
}

function declareString(schema: ValueSchema): DeclType {
  switch (schema.format) {
    case 'byte':
      return decl(bytesType, 2, schema.maxLength === undefined ? MAX_TEXT : atLeastZero(schema.maxLength))
    case 'duration':
      return decl(durationType, 3, MAX_TIME)
    case 'date':
      return decl(timestampType, DATE_SIZE, DATE_SIZE)
    case 'date-time':
      return decl(timestampType, 21, MAX_TIME)
    default:
      return decl(stringType, 2, textLimit(schema))
  }
}

/** `maxLength` counts characters, which may have four bytes each. */
function textLimit(schema: ValueSchema): number {
  if (schema.maxLength !== undefined) return atLeastZero(schema.maxLength) * 4
  if (schema['x-kubernetes-int-or-string'] === true || (schema.enum?.length ?? 0) === 0) return MAX_TEXT
  return Math.max(
    ...schema.enum!.map(value => (typeof value === 'string' ? new TextEncoder().encode(value).length : 0)),
  )
}

/** The object types in some declarations, by name, for an environment. */
export function declaredTypes(...roots: readonly DeclType[]): TypeProvider {
  const byName = new Map<string, DeclType>()
  const collect = (declared: DeclType): void => {
    if (declared.fields !== undefined) byName.set(declared.type.name, declared)
    for (const field of declared.fields?.values() ?? []) collect(field)
    if (declared.element !== undefined) collect(declared.element)
  }
  for (const root of roots) collect(root)
  return {
    findType: name => byName.get(name)?.type,
    findField(typeName, field) {
      const fields = byName.get(typeName)?.fields
      // Behind a dot, a word of the language may also stand without its escape.
      return (fields?.get(field) ?? (isReservedWord(field) ? fields?.get(`__${field}__`) : undefined))?.type
    },
  }
}

/**
 * Sizes for cost estimates of rules, by the declaration of `self`. As upstream, it takes every name for one of that type, be it
 * `oldSelf` or `int`.
 */
export function declaredSizes(self: DeclType): SizeEstimator {
  return ({ path }) => {
    if (path.length === 0) return undefined
    let declared: DeclType | undefined = self
    for (const step of path.slice(1)) declared = declared && take(declared, step)
    return declared && rangeOf(declared)
  }
}

function take(declared: DeclType, step: string): DeclType | undefined {
  if (step === '@items' || step === '@values') return declared.element
  return step === '@keys' ? declared.key : declared.fields?.get(step)
}

const rangeOf = ({ maxElements }: DeclType): Range => ({ min: 0, max: maxElements })

/** How often something of that size may be in one request: what the cost of its rules is multiplied by. */
export const maxCardinality = ({ minSize }: DeclType): number => Math.floor(MAX_REQUEST_BYTES / (minSize + 1))
