/**
 * The shape of API values at run time. Built-in kinds get theirs from the facts table (`SchemaSet`), custom resources from
 * their definition; everything that walks objects (decoding, pruning, patches, apply, protobuf, OpenAPI) walks these.
 */

export type ScalarType = 'string' | 'bool' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'double' | 'bytes'

/**
 * Types with a JSON form of their own. `any` is raw JSON; `schemaOrList`, `schemaOrBool` and `schemaOrStrings` are the
 * either-or types of JSON schemas in custom resource definitions (`struct` is the schema they mean).
 */
export type SpecialType =
  | 'quantity'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'intOrString'
  | 'any'
  | 'schemaOrList'
  | 'schemaOrBool'
  | 'schemaOrStrings'

interface SchemaBase {
  /** As Go prints the type in decoding errors, for example `[]v1.Container`. Empty for custom resources, which decode untyped. */
  readonly goType: string
  /** Whether an explicit null is kept. Only custom resources have such fields. */
  readonly nullable?: boolean
}

export interface ScalarSchema extends SchemaBase {
  readonly type: ScalarType
  /** The known values, sorted. Decoding does not enforce them: validation does. */
  readonly enum?: readonly string[]
  /** Bytes are lists to Go: upstream marks some of them, and OpenAPI repeats it. */
  readonly listType?: 'atomic'
}

export interface SpecialSchema extends SchemaBase {
  readonly type: SpecialType
  /** Name of the message in protobuf; absent for custom resources. */
  readonly message?: string
  readonly struct?: StructSchema
}

export interface ListSchema extends SchemaBase {
  readonly type: 'list'
  readonly items: Schema
  /** Absent where upstream does not say; such lists behave as atomic ones for apply. */
  readonly listType?: 'atomic' | 'set' | 'map'
  /** The fields that identify an entry of a list of type `map`. */
  readonly mapKeys: readonly string[]
  /** Go types such as `ExtraValue`: in protobuf a message around the list. */
  readonly wrapped?: boolean
}

export interface MapSchema extends SchemaBase {
  readonly type: 'map'
  readonly values: Schema
  /** Whether apply treats the whole map as one value. */
  readonly atomic: boolean
}

export interface StructSchema extends SchemaBase {
  readonly type: 'struct'
  /** In the facts table, for example `core.v1.PodSpec`; for custom resources where it lies, for errors only. */
  readonly name: string
  /** By JSON name, inlined structs flattened, `apiVersion` and `kind` included where the struct has them. */
  readonly fields: ReadonlyMap<string, Field>
  /** As in protobuf: by ascending number, inlined structs as one field. */
  readonly members: readonly Field[]
  /** Whether it has `apiVersion` and `kind`. */
  readonly isKind: boolean
  /** Whether apply treats the whole struct as one value. */
  readonly atomic: boolean
  /** Custom resources: keep what `fields` does not name (x-kubernetes-preserve-unknown-fields). */
  readonly preserveUnknown: boolean
  /** Custom resources: what it may hold besides `fields` (additionalProperties). Absent: nothing. */
  readonly additional?: Schema
  /** Custom resources: an object with its own apiVersion, kind and metadata (x-kubernetes-embedded-resource). */
  readonly embeddedResource?: boolean
}

/**
 * What `additionalProperties: true` of a custom resource allows: any value, but objects in it lose what they hold, since no schema
 * speaks of that.
 */
export const EMPTIED: StructSchema = {
  type: 'struct',
  goType: '',
  name: '',
  fields: new Map(),
  members: [],
  isKind: false,
  atomic: false,
  preserveUnknown: false,
}

export type Schema = ScalarSchema | SpecialSchema | ListSchema | MapSchema | StructSchema

export type PatchStrategy = 'merge' | 'replace' | 'retainKeys'

export interface Field {
  /** In JSON; for an inlined struct its name in protobuf. */
  readonly name: string
  /** In protobuf; 0 where the field is not part of the message. */
  readonly number: number
  readonly schema: Schema
  /** Go pointer: unset differs from the zero value. */
  readonly pointer: boolean
  readonly omitEmpty: boolean
  readonly required: boolean
  /** A struct whose fields stand in its place in JSON, while protobuf nests it. */
  readonly inline: boolean
  /** Strategic merge patch: how lists and structs merge. Empty means replace lists, merge maps. */
  readonly patchStrategy: readonly PatchStrategy[]
  /** Strategic merge patch: the field that identifies an entry of a merged list. Absent for lists of plain values. */
  readonly mergeKey?: string
  /** The default that the schema itself states, as JSON value. Defaulting functions know more. */
  readonly default?: unknown
  /** For a field of an inlined struct: the names of the structs it comes by, for example `VolumeSource`. Errors show them. */
  readonly embeddedIn?: string
  /** The field's own marker, where it has one. */
  readonly mapType?: 'atomic' | 'granular'
  /** Whether apply treats the field as one value: the field's own marker, else its type's. */
  readonly atomic: boolean
}

/**
 * The field `name` of a struct, or the value under any key of a map as a pseudo-field without merge metadata. Undefined
 * where the schema knows no such field or the schema is no object. Strategic merge patch asks here for `patchStrategy` and
 * `mergeKey`, apply for `schema` (list type and keys) and `atomic`.
 */
export function fieldOf(schema: Schema, name: string): Field | undefined {
  if (schema.type === 'struct') return schema.fields.get(name)
  if (schema.type === 'map') return plainField(name, schema.values)
  return undefined
}

/** A field with nothing special about it. */
export function plainField(name: string, schema: Schema, facts: Partial<Field> = {}): Field {
  return {
    name,
    number: 0,
    schema,
    pointer: false,
    omitEmpty: true,
    required: false,
    inline: false,
    patchStrategy: [],
    atomic: isAtomic(schema),
    ...facts,
  }
}

/** Whether apply treats values of this schema as one: atomic structs and maps, lists that are neither sets nor maps. */
export function isAtomic(schema: Schema): boolean {
  switch (schema.type) {
    case 'struct':
    case 'map':
      return schema.atomic
    case 'list':
      return schema.listType !== 'set' && schema.listType !== 'map'
    default:
      return true
  }
}

export const STRING: ScalarSchema = { type: 'string', goType: 'string' }
export const ANY: SpecialSchema = { type: 'any', goType: 'interface {}' }
