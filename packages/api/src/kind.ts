import type { FieldError, KubeObject, ResourceType, StructSchema } from '@canopus/apimachinery'
import type { OpenApiKind } from './openapi/types.ts'

/**
 * What a kind does beyond its schema. One file per kind under `kinds/`; everything is optional and pure. Objects passed to
 * `default` and `prepare*` are private to the request and changed in place; those passed to `validate*` are only read.
 * The order is upstream's (k8s.io/apiserver/pkg/endpoints/handlers/create.go, pkg/registry/rest/create.go): decode and default,
 * mutating admission, default again, prepare, validate, validating admission. Name, uid and creationTimestamp are set before
 * `prepareForCreate`; on updates the metadata that clients may not change is taken over before `prepareForUpdate`.
 */
export interface Strategy<T extends KubeObject = KubeObject> {
  /**
   * Fills in defaults of the version in which the object arrived (pkg/apis/<group>/<version>/defaults.go). `applied`: it comes from
   * server-side apply, and has not been through a decoder of requests.
   */
  default?(object: T, applied?: boolean): void
  /**
   * Fills in what objects that were stored before today's fields came lack (upstream's decorators of storage), and what reading them
   * back gives any object. Called before one is stored, once nothing is wrong with it.
   */
  completeStored?(object: T): void
  /** Resets what a client may not set at creation (usually status) and sets the first generation. */
  prepareForCreate?(object: T, context: StrategyContext): void
  validate?(object: T): FieldError[]
  /** Keeps what this endpoint may not change (status on the main resource) and bumps the generation. */
  prepareForUpdate?(object: T, old: T, context: StrategyContext): void
  validateUpdate?(object: T, old: T): FieldError[]
  /** The same for `/status`: by default everything but `status` and some metadata is taken from the old object. */
  prepareForStatusUpdate?(object: T, old: T, context?: StrategyContext): void
  validateStatusUpdate?(object: T, old: T): FieldError[]
  /** Metadata that nobody owns by writing `/status`, since it is put back: all of it, or some fields. */
  statusLeaves?: 'metadata' | readonly string[]
  /** Other fields that nobody owns by writing an endpoint, as paths by its name, the object's own being '' (`GetResetFields` upstream). */
  unowned?: Readonly<Record<string, readonly (readonly string[])[]>>
  /** Endpoints that write a part of the object itself: `pods/resize`, `pods/ephemeralcontainers`, `namespaces/finalize`, ... */
  subresources?: Readonly<Record<string, SubresourceStrategy<T>>>
  /** Deprecations and likely mistakes, sent as `Warning` headers. */
  warnings?(object: T, old: T | undefined): string[]
  /** What was remarkable about an object while it was validated: sent whatever came of that. */
  noted?(object: T): readonly string[]
  /** The same of updates of `/status`. */
  statusWarnings?(object: T): string[]
  /** PUT to a name that does not exist creates it (leases, endpoints, events, ...). */
  allowCreateOnUpdate?: boolean
  /** PUT without a resourceVersion is taken as "whatever is there". Default true; false for a few kinds. */
  allowUnconditionalUpdate?: boolean
  /** Seconds to wait before removal, for kinds with graceful deletion (pods). Nothing where it goes at once. */
  gracePeriod?(object: T, requested: number | undefined): number | undefined
  /**
   * What becomes of dependents where the client does not say; `unsupported` where nobody may have any, whatever the client says.
   * Default `background`.
   */
  defaultPropagation?: 'background' | 'orphan' | 'unsupported'
  /** What a client is warned of that does not say what is to become of dependents. */
  deleteWarning?: string
  /** Checks metadata.name; default is the DNS subdomain rule. Returns what is wrong with it, one text per finding. */
  validateName?(name: string): string[]
  /** The same of metadata.generateName, where the rule is another. */
  validateGenerateName?(name: string): string[]
  /** Whether the spec counts as changed for metadata.generation. Default: deep inequality of everything but metadata and status. */
  hasGeneration?: boolean
}

/** As the updates of the main resource: first keep what this endpoint may not change, then check. */
export interface SubresourceStrategy<T extends KubeObject = KubeObject> {
  prepareForUpdate(object: T, old: T, context: StrategyContext): void
  validateUpdate(object: T, old: T): FieldError[]
}

export interface StrategyContext {
  /** Now, as an RFC 3339 time in seconds. */
  now: string
  /** Who asks; certificate requests record it. */
  user?: {
    name: string
    uid?: string
    groups?: readonly string[]
    extra?: Readonly<Record<string, readonly string[]>>
  }
  /** Sends a warning to the client, for what can no longer be seen once the object has been prepared. */
  warn?(text: string): void
}

/** A column of `kubectl get`; texts and widths as upstream's printers (pkg/printers/internalversion/printers.go). */
export interface PrinterColumn<T extends KubeObject = KubeObject> {
  name: string
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  /** `name` for the first column. */
  format?: string
  description: string | FieldReference
  /** 0 is always shown, 1 only with `-o wide`. */
  priority: number
  /** A cell at the end of rows that no column tells of, as upstream's printer of addresses has one: clients see it in the table alone. */
  untold?: true
  /** The cell, as the Table holds it. `now` is in milliseconds, for ages. */
  value(object: T, now: number): string | number | boolean | null
}

/** Today there is one: whether the object has come to its end (meta.k8s.io/v1 TableRowCondition). */
export interface TableRowCondition {
  readonly type: 'Completed'
  readonly status: 'True'
  readonly reason: string
  readonly message: string
}

/** A field by the name of its message, such as `core.v1.PodStatus`: what the API's documentation says of it stands for the column. */
export interface FieldReference {
  readonly message: string
  readonly field: string
}

/** Reads one field for a field selector; declared as a method so that a `Kind<Pod>` is a `Kind`. */
export type FieldReader<T extends KubeObject> = { read(object: T): string }['read']

/** A built-in kind, whole: its address, behaviour and looks. Custom resources make the same value at run time. */
export interface Kind<T extends KubeObject = KubeObject> {
  readonly type: ResourceType<T>
  /** Name of its message in the facts table, for example `core.v1.Pod`; empty for custom kinds. */
  readonly message: string
  readonly strategy: Strategy<T>
  readonly columns: readonly PrinterColumn<T>[]
  /**
   * Annotations that stand for fields which only older versions had: upstream's own form of the object has them apart from its
   * metadata, so that who asks for metadata alone does not see them.
   */
  readonly fieldAnnotations?: readonly string[]
  /** What a row says of its object besides the cells. */
  rowConditions?(object: T): readonly TableRowCondition[] | undefined
  /** How the rows of a table follow each other; as the objects do where missing. */
  rowOrder?(one: T, other: T): number
  /** Field selectors besides metadata.name and metadata.namespace, for example `spec.nodeName`. */
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>>>
  /** What is said of other fields, where upstream's conversion of the kind has words of its own. */
  unknownField?(field: string, type: ResourceType): string
  /** Where objects live below `/registry/`, as upstream lays them out (for example `pods`, `services/specs`, `minions`). */
  readonly storagePrefix: string
  /** Another version of the same kind that is the one stored, with conversions; absent where this version is. */
  readonly storedAs?: {
    type: ResourceType
    toStored(object: T): KubeObject
    fromStored(object: KubeObject): T
    /**
     * Where somebody else has to convert (a webhook): objects of any version as they are in `apiVersion`, in the same order.
     * `toStored` and `fromStored` then only take objects that are of the right version already. Rejects with StatusError.
     */
    convert?(objects: readonly KubeObject[], apiVersion: string): Promise<readonly KubeObject[]>
  }
  /** Said in a `Warning` header by every request for the kind, for example `v1 Endpoints is deprecated in v1.33+; ...`. */
  readonly deprecation?: string
  /** The group that findings about an object name, where it is not the kind's own: upstream's internal kind may have another. */
  readonly findingsGroup?: string
  /** Seconds after which objects vanish (events). */
  readonly ttlSeconds?: number
  /** Only custom kinds have these. */
  readonly custom?: CustomKindFacts
}

/** What the facts table knows of built-in kinds, for kinds made of a CustomResourceDefinition. */
export interface CustomKindFacts {
  /** By which bodies and patches are read. */
  readonly schema: StructSchema
  readonly definition: NonNullable<OpenApiKind['definition']>
  /** Where `/scale` finds its numbers, as JSON paths. */
  readonly scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string }
  /** Where each version of the definition has the number that a scale sets, by `group/version`; undefined where it has no scale. */
  readonly replicasPaths: ReadonlyMap<string, string | undefined>
  /** Differs between states of the definition, so that what was made by an older one is not taken for today's. */
  readonly id: string
  /** That of a version of the definition, served or not. */
  schemaIn(apiVersion: string): StructSchema | undefined
  /** Where a webhook converts: objects as they are in `apiVersion`, with nothing added or taken away. */
  readonly convert?: (objects: readonly KubeObject[], apiVersion: string) => Promise<readonly KubeObject[]>
}
