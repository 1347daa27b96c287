import type { Field, ScalarSchema, Schema, SchemaSet } from '@canopus/apimachinery'
import type { Descriptions } from './descriptions.ts'
import { definitionName } from './names.ts'
import type { GroupVersionKind, JsonSchema } from './types.ts'

type Writable = Record<string, unknown>

const SCALARS: Readonly<Record<ScalarSchema['type'], JsonSchema>> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  uint32: { type: 'integer', format: 'int64' },
  uint64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
}

const TIME: JsonSchema = { type: 'string', format: 'date-time' }
const PATCH = 'am.apis.meta.v1.Patch'

/** Messages with a definition of their own, in v2 and in v3 where it differs. */
const SPECIAL: Readonly<Record<string, { v2: JsonSchema; v3?: JsonSchema }>> = {
  'am.api.resource.Quantity': { v2: { type: 'string' }, v3: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
  'am.apis.meta.v1.Time': { v2: TIME },
  'am.apis.meta.v1.MicroTime': { v2: TIME },
  'am.apis.meta.v1.Duration': { v2: { type: 'string' } },
  'am.util.intstr.IntOrString': {
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  'am.apis.meta.v1.FieldsV1': { v2: { type: 'object' } },
  'am.runtime.RawExtension': { v2: { type: 'object' } },
  'apiextensions.v1.JSON': { v2: {} },
  'apiextensions.v1.JSONSchemaPropsOrArray': { v2: {} },
  'apiextensions.v1.JSONSchemaPropsOrBool': { v2: {} },
  'apiextensions.v1.JSONSchemaPropsOrStringArray': { v2: {} },
}

/** Of structs of which one field counts at a time: that which names it, and its values by field; no table of facts has them. */
const UNIONS: Readonly<Record<string, { discriminator?: string; fields: readonly string[] }>> = {
  'core.v1.AppArmorProfile': { discriminator: 'type', fields: ['localhostProfile'] },
  'core.v1.PodSchedulingGroup': { fields: ['podGroupName'] },
  'core.v1.SeccompProfile': { discriminator: 'type', fields: ['localhostProfile'] },
  'flowcontrol.v1.LimitResponse': { discriminator: 'type', fields: ['queuing'] },
  'flowcontrol.v1.PriorityLevelConfigurationSpec': { discriminator: 'type', fields: ['exempt', 'limited'] },
  'flowcontrol.v1.Subject': { discriminator: 'kind', fields: ['group', 'serviceAccount', 'user'] },
}

/** Sentences of our own for types that the source of descriptions leaves out. */
const OWN_DESCRIPTIONS: Readonly<Record<string, string>> = {
  'am.api.resource.Quantity':
    'A fixed-point amount: a number with an optional suffix of powers of ten (n, u, m, k, M, G, T, P, E), powers of two (Ki, Mi, Gi, Ti, Pi, Ei) or an exponent (e3). It is kept in canonical form.',
  'am.apis.meta.v1.Time': 'An instant as RFC 3339 text with whole seconds.',
  'am.apis.meta.v1.MicroTime': 'An instant as RFC 3339 text with microseconds.',
  'am.util.intstr.IntOrString': 'Either a 32-bit integer or a string.',
  'am.apis.meta.v1.Patch': 'The body of a PATCH request; its form is given by the content type.',
}

/**
 * Writes messages of the facts table as OpenAPI definitions and remembers which other messages they refer to, so that a
 * document holds what it needs and no more.
 */
export class Definitions {
  private readonly schemas: SchemaSet
  private readonly descriptions: Descriptions
  private readonly version: 2 | 3
  private readonly kinds: ReadonlyMap<string, readonly GroupVersionKind[]>
  private readonly withoutEnums: boolean
  private readonly wanted = new Set<string>()

  /** `kinds`: which kinds a message is, by message name. */
  constructor(
    version: 2 | 3,
    schemas: SchemaSet,
    descriptions: Descriptions,
    kinds: ReadonlyMap<string, readonly GroupVersionKind[]>,
    withoutEnums = false,
  ) {
    this.withoutEnums = withoutEnums
    this.version = version
    this.schemas = schemas
    this.descriptions = descriptions
    this.kinds = kinds
  }

  /** A reference to a message, which the document will then define. */
  reference(message: string): JsonSchema {
    this.wanted.add(message)
    return { $ref: this.path(definitionName(message)) }
  }

  /** The place of a definition in the document. */
  path(definition: string): string {
    return `${this.version === 2 ? '#/definitions/' : '#/components/schemas/'}${definition}`
  }

  /** Everything referred to so far, and what that refers to, by definition name in alphabetical order. */
  all(): Record<string, JsonSchema> {
    const done = new Map<string, JsonSchema>()
    for (const message of this.wanted) done.set(definitionName(message), this.definition(message))
    return Object.fromEntries([...done].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  private definition(message: string): JsonSchema {
    const description = this.descriptions[message]?.[''] ?? OWN_DESCRIPTIONS[message]
    const head: Writable = description === undefined ? {} : { description }
    if (message === PATCH) return { ...head, type: 'object' }
    const special = SPECIAL[message]
    if (special) return { ...head, ...(this.version === 3 ? (special.v3 ?? special.v2) : special.v2) }
    const schema = this.schemas.schemaOf(message)
    const properties: Writable = {}
    const required: string[] = []
    for (const [name, field] of schema.fields) {
      properties[name] = this.property(message, name, field)
      if (field.required) required.push(name)
    }
    const kinds = this.kinds.get(message)
    return {
      ...head,
      ...(required.length > 0 ? { required } : {}),
      type: 'object',
      ...(schema.fields.size > 0 ? { properties } : {}),
      ...(schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(kinds ? { 'x-kubernetes-group-version-kind': kinds } : {}),
      ...unionOf(message),
    }
  }

  private property(message: string, name: string, field: Field): JsonSchema {
    const { schema } = field
    const extensions: Writable = {}
    const description = this.descriptionOf(message, name)
    if (description !== undefined) extensions.description = description
    if (this.version === 3) {
      const preset = defaultOf(field)
      if (preset !== undefined) extensions.default = preset
    }
    if (schema.type === 'list' && schema.listType !== undefined) {
      extensions['x-kubernetes-list-type'] = schema.listType
      if (schema.mapKeys.length > 0) extensions['x-kubernetes-list-map-keys'] = schema.mapKeys
    }
    if (schema.type === 'bytes' && schema.listType !== undefined) extensions['x-kubernetes-list-type'] = schema.listType
    if (field.mapType !== undefined) extensions['x-kubernetes-map-type'] = field.mapType
    if (field.patchStrategy.length > 0) extensions['x-kubernetes-patch-strategy'] = field.patchStrategy.join(',')
    if (field.mergeKey !== undefined) extensions['x-kubernetes-patch-merge-key'] = field.mergeKey
    return this.with(this.schema(schema), extensions)
  }

  /** A field may stand in a struct that is inlined here: then its description is there. */
  private descriptionOf(message: string, name: string): string | undefined {
    const description = this.descriptions[message]?.[name]
    return this.withoutEnums ? description?.replace(/\n\nPossible enum values:\n[\s\S]*$/, '') : description
  }

  /** v3 may not put anything beside a reference. */
  private with(schema: JsonSchema, extensions: JsonSchema): JsonSchema {
    if (Object.keys(extensions).length === 0) return schema
    if (this.version === 3 && '$ref' in schema) return { ...extensions, allOf: [schema] }
    return { ...schema, ...extensions }
  }

  private schema(schema: Schema): JsonSchema {
    switch (schema.type) {
      case 'struct':
        return this.reference(schema.name)
      case 'list':
        return { type: 'array', items: this.element(schema.items) }
      case 'map':
        return { type: 'object', additionalProperties: this.element(schema.values) }
      case 'string':
        return schema.enum && schema.enum.length > 0 && !this.withoutEnums
          ? { type: 'string', enum: schema.enum }
          : SCALARS.string
      case 'bytes':
      case 'bool':
      case 'int32':
      case 'int64':
      case 'uint32':
      case 'uint64':
      case 'double':
        return SCALARS[schema.type]
      default:
        return schema.message === undefined ? {} : this.reference(schema.message)
    }
  }

  private element(schema: Schema): JsonSchema {
    const preset = this.version === 3 ? zeroOf(schema) : undefined
    return this.with(this.schema(schema), preset === undefined ? {} : { default: preset })
  }
}

/** v3 states the value that a field has when it is absent: its own default, or the zero value where Go always writes one. */
function defaultOf(field: Field): unknown {
  if (field.default !== undefined) return field.default
  if (field.pointer || field.number === 0) return undefined
  if (field.schema.type === 'struct') return {}
  return field.omitEmpty ? undefined : zeroOf(field.schema)
}

function zeroOf(schema: Schema): unknown {
  switch (schema.type) {
    case 'struct':
      return {}
    case 'string':
      return ''
    case 'bool':
      return false
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
    case 'double':
      return 0
    default:
      return undefined
  }
}

function unionOf(message: string): JsonSchema {
  const union = UNIONS[message]
  if (union === undefined) return {}
  const { discriminator, fields } = union
  const values = Object.fromEntries(fields.map(name => [name, `${name[0]!.toUpperCase()}${name.slice(1)}`]))
  const head = discriminator === undefined ? {} : { discriminator }
  return { 'x-kubernetes-unions': [{ ...head, 'fields-to-discriminateBy': values }] }
}
