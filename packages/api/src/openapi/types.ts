import type { ResourceType, SchemaSet } from '@canopus/apimachinery'
import type { Descriptions } from './descriptions.ts'

/** A JSON schema as OpenAPI writes it. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** A kind that documents speak of. */
export interface OpenApiKind {
  readonly type: ResourceType
  /** The facts table's message of a built-in kind. */
  readonly message?: string
  /** The definition of a custom kind: its name in the document (`com.example.v1.Foo`), its schema, and that of its list (made where absent). */
  readonly definition?: {
    readonly name: string
    readonly schema: JsonSchema
    /** What v2 can say of it; default `schema`. */
    readonly schemaV2?: JsonSchema
    /** What is said of the list as well. */
    readonly extensions?: JsonSchema
  }
}

export interface OpenApiOptions {
  /** Absent: documents without descriptions. */
  readonly descriptions?: Descriptions
  /** Where messages are looked up; the built-in ones unless given. */
  readonly schemas?: SchemaSet
  /** `info.version` of the document, for example `v1.36.0`. */
  readonly version?: string
  /** Texts are told without the values that they may have. */
  readonly withoutEnums?: boolean
}

export interface GroupVersionKind {
  readonly group: string
  readonly kind: string
  readonly version: string
}

/** What an operation takes or answers. */
export type Payload =
  | { readonly definition: string }
  /** Plain text. */
  | 'string'

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly type: 'string' | 'integer' | 'boolean'
  readonly description?: string
}

/** An operation of a path, before it is written as v2 or v3. */
export interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch'
  readonly id: string
  readonly description: string
  /** `list`, `get`, `connect`, ...; absent for discovery. */
  readonly action?: string
  readonly target?: GroupVersionKind
  readonly tag: string
  readonly parameters: readonly Parameter[]
  readonly body?: { readonly payload: Payload; readonly required: boolean }
  /** Status codes with a payload, in ascending order; 401 is added to all. */
  readonly responses: readonly (readonly [number, Payload])[]
  readonly consumes: readonly string[]
  readonly produces: readonly string[]
}

export interface PathItem {
  readonly path: string
  /** Shared by all its operations. */
  readonly parameters: readonly Parameter[]
  readonly operations: readonly Operation[]
}
