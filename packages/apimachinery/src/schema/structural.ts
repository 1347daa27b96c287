/**
 * Schemas of custom resources: the same runtime objects as those of built-in kinds, made from the OpenAPI v3 schema of a
 * CustomResourceDefinition. Their `goType` is empty: decoding prunes and reports unknown fields, but leaves wrong types to validation,
 * as upstream does (k8s.io/apiextensions-apiserver/pkg/apiserver/schema).
 */
import {
  ANY,
  EMPTIED,
  type Field,
  type ListSchema,
  plainField,
  type Schema,
  STRING,
  type StructSchema,
} from './schema.ts'

/** What is read of a JSONSchemaProps; the rest is validation. */
export interface StructuralProps {
  type?: string
  nullable?: boolean
  default?: unknown
  enum?: readonly unknown[]
  required?: readonly string[]
  properties?: Readonly<Record<string, StructuralProps>>
  additionalProperties?: StructuralProps | boolean
  items?: StructuralProps | readonly StructuralProps[]
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-embedded-resource'?: boolean
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-list-type'?: string
  'x-kubernetes-list-map-keys'?: readonly string[]
  'x-kubernetes-map-type'?: string
}

const SCALARS = { string: 'string', boolean: 'bool', integer: 'int64', number: 'double' } as const

/**
 * The schema of a custom kind. `metadata` is the schema of ObjectMeta: what a definition says of `metadata` is validation only.
 * Without an OpenAPI schema everything is preserved.
 */
export function customResourceSchema(
  props: StructuralProps | undefined,
  metadata: StructSchema,
  name: string,
): StructSchema {
  return new StructuralStruct(props ?? { 'x-kubernetes-preserve-unknown-fields': true }, metadata, name, true)
}

function schemaOf(props: StructuralProps, metadata: StructSchema, name: string): Schema {
  const nullable = props.nullable === true ? { nullable: true } : {}
  if (props['x-kubernetes-int-or-string'] === true) return { type: 'intOrString', goType: '', ...nullable }
  switch (props.type) {
    case 'object':
      return objectSchema(props, metadata, name)
    case 'array':
      return listSchema(props, metadata, name)
    case 'string':
    case 'boolean':
    case 'integer':
    case 'number':
      if (props['x-kubernetes-preserve-unknown-fields'] === true) return { ...ANY, goType: '', ...nullable }
      return { type: SCALARS[props.type], goType: '', ...nullable }
    default:
      if (props.properties !== undefined) return objectSchema(props, metadata, name)
      return { ...ANY, goType: '', ...nullable }
  }
}

function objectSchema(props: StructuralProps, metadata: StructSchema, name: string): Schema {
  const { additionalProperties } = props
  if (additionalProperties === undefined || additionalProperties === false || props.properties !== undefined)
    return new StructuralStruct(props, metadata, name, props['x-kubernetes-embedded-resource'] === true)
  const values = additionalProperties === true ? EMPTIED : schemaOf(additionalProperties, metadata, name)
  return {
    type: 'map',
    values,
    atomic: props['x-kubernetes-map-type'] === 'atomic',
    goType: '',
    ...(props.nullable === true ? { nullable: true } : {}),
  }
}

function listSchema(props: StructuralProps, metadata: StructSchema, name: string): ListSchema {
  const items = Array.isArray(props.items) ? undefined : (props.items as StructuralProps | undefined)
  const listType = props['x-kubernetes-list-type'] as ListSchema['listType']
  return {
    type: 'list',
    items: items === undefined ? { ...ANY, goType: '' } : schemaOf(items, metadata, name),
    mapKeys: props['x-kubernetes-list-map-keys'] ?? [],
    goType: '',
    ...(listType === undefined ? {} : { listType }),
    ...(props.nullable === true ? { nullable: true } : {}),
  }
}

class StructuralStruct implements StructSchema {
  readonly type = 'struct'
  readonly goType = ''
  readonly name: string
  readonly members = []
  readonly fields: ReadonlyMap<string, Field>
  readonly isKind: boolean
  readonly atomic: boolean
  readonly preserveUnknown: boolean
  readonly additional?: Schema
  readonly embeddedResource: boolean
  readonly nullable: boolean

  constructor(props: StructuralProps, metadata: StructSchema, name: string, isKind: boolean) {
    this.name = name
    this.isKind = isKind
    this.atomic = props['x-kubernetes-map-type'] === 'atomic'
    this.preserveUnknown = props['x-kubernetes-preserve-unknown-fields'] === true
    if (props.additionalProperties === true) this.additional = EMPTIED
    this.embeddedResource = props['x-kubernetes-embedded-resource'] === true
    this.nullable = props.nullable === true
    const required = new Set(props.required)
    const fields = new Map<string, Field>()
    for (const [key, child] of Object.entries(props.properties ?? {})) {
      const preset = child.default === undefined ? {} : { default: child.default }
      const schema = schemaOf(child, metadata, `${name}.${key}`)
      fields.set(key, plainField(key, schema, { omitEmpty: false, required: required.has(key), ...preset }))
    }
    if (isKind) {
      for (const key of ['apiVersion', 'kind']) fields.set(key, plainField(key, STRING))
      fields.set('metadata', plainField('metadata', metadata))
    }
    this.fields = fields
  }
}
