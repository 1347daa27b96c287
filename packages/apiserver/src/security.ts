/**
 * The three questions that are asked of every request: who is it (Authenticator), may they (Authorizer), and is this
 * object acceptable here and now (AdmissionPlugin). The request path knows these interfaces only; the implementations
 * live in `authn/`, `authz/` and `admission/` and are handed in by the composition root.
 *
 * Everything here may answer at once or with a promise: the request path only waits where it gets a promise.
 */

import type { TokenRequest } from '@canopus/api/authentication/v1'
import type { ServiceAccount } from '@canopus/api/core/v1'
import type {
  CreateOptions,
  DeleteOptions,
  FieldError,
  GroupVersionKind,
  GroupVersionResource,
  KubeObject,
  ResourceType,
  StructSchema,
  UpdateOptions,
} from '@canopus/apimachinery'
import type { Clock, Logger, MetricsRegistry, Random } from '@canopus/base'
import type { Transport } from '@canopus/client'
import type { WebhookCaller } from './webhook/client.ts'

export type Maybe<T> = T | Promise<T>

/** Who makes a request (k8s.io/apiserver/pkg/authentication/user). */
export interface User {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** One TLS connection; the same object for all of its requests, so that what was learnt can be kept in a WeakMap. */
export interface Connection {
  readonly remoteAddress: string
  /** The client's certificate (DER), where one was presented. */
  readonly certificate?: Uint8Array
  /** What the client sent along to lead from its certificate to an authority (DER). */
  readonly intermediates?: readonly Uint8Array[]
  /**
   * Whether TLS verified that certificate against one of the authorities of the listener. Never trust `certificate` where this
   * is false; where it is true, it may still be another authority's than the one you mean.
   */
  readonly certificateVerified: boolean
}

/** What an authenticator may look at. Header names are in lower case. */
export interface AuthenticationRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The same with the values of headers that came more than once apart; missing where the carrier joins none. */
  distinctHeaders?(): Readonly<Record<string, readonly string[] | undefined>>
  readonly connection: Connection
  readonly method: string
  /** Path without the query. */
  readonly path: string
  /** Adds an annotation to the request's audit events; missing where nothing is audited. */
  annotate?(key: string, value: string): void
}

export interface Authentication {
  readonly user: User
  /** Audiences the credential was valid for, where it carries any. */
  readonly audiences?: readonly string[]
  /** What whoever asks should hear of the credential. */
  readonly warnings?: readonly string[]
}

/**
 * Finds out who makes a request. `undefined`: no credential that this authenticator knows; the next one is asked, and when
 * none knows, the answer is 401 (anonymous access is an authenticator too, the last). Throwing also ends in 401.
 */
export interface Authenticator {
  authenticate(request: AuthenticationRequest): Maybe<Authentication | undefined>
}

/** What a request wants to do (k8s.io/apiserver/pkg/authorization/authorizer Attributes). */
export interface Attributes {
  readonly user: User
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; the method in lower case for paths. */
  readonly verb: string
  /** False for paths such as `/healthz`: then only `path` is set. */
  readonly isResourceRequest: boolean
  readonly path: string
  readonly apiGroup: string
  readonly apiVersion: string
  readonly resource: string
  readonly subresource: string
  /** Empty for cluster-scoped resources and for all namespaces. */
  readonly namespace: string
  readonly name: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
}

export interface Decision {
  readonly decision: 'allow' | 'deny' | 'no-opinion'
  readonly reason: string
}

export interface Authorizer {
  authorize(attributes: Attributes): Maybe<Decision>
  /** What `user` may do in `namespace`, for SelfSubjectRulesReview. */
  rulesFor?(user: User, namespace: string): Maybe<SubjectRules>
}

export interface SubjectRules {
  resourceRules: { verbs: string[]; apiGroups?: string[]; resources?: string[]; resourceNames?: string[] }[]
  nonResourceRules: { verbs: string[]; nonResourceURLs?: string[] }[]
  incomplete: boolean
  evaluationError?: string
}

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/** What an admission plugin sees (k8s.io/apiserver/pkg/admission Attributes). */
export interface AdmissionAttributes {
  readonly operation: Operation
  /** The resource addressed, also where a subresource is. */
  readonly type: ResourceType
  readonly resource: GroupVersionResource
  /** Kind of `object`: the resource's, or the subresource's own (`Scale`, `Eviction`, `Binding`, `TokenRequest`, ...). */
  readonly kind: GroupVersionKind
  /** Empty for the resource itself. */
  readonly subresource: string
  readonly namespace: string
  /** Empty while a name is still to be generated. */
  readonly name: string
  /**
   * The object to be stored; for CONNECT the options. Absent on DELETE. Private to the request: `mutate` changes it in
   * place, `validate` only reads it.
   */
  readonly object: KubeObject | undefined
  /** What is stored now (UPDATE, DELETE). Shared: never change it. */
  readonly oldObject: KubeObject | undefined
  readonly options: CreateOptions | UpdateOptions | DeleteOptions
  readonly dryRun: boolean
  readonly user: User
  /** `update` or `patch`, say: the verb that was authorized; missing for the server's own writes. */
  readonly verb?: string | undefined
  /** When the client gives up, by the monotonic clock in milliseconds; missing for the server's own writes. */
  readonly deadline?: number | undefined
  /** Notes how long a webhook took, in milliseconds; missing where nobody keeps account. */
  took?(layer: 'mutating-webhook' | 'validating-webhook', milliseconds: number): void
  /** Adds a `Warning` header to the answer. */
  warn(text: string): void
  /**
   * Notes something for the audit event of the request, from this level on (`Metadata` where none is given). The first value
   * of a key stays.
   */
  annotate(key: string, value: string, level?: AuditAnnotationLevel): void
  /** Shared by both rounds of mutation. */
  readonly reinvocation: Reinvocation
  /** Other versions of the same objects. */
  readonly versions: ObjectVersions
}

export type AuditAnnotationLevel = 'Metadata' | 'Request' | 'RequestResponse'

/**
 * Whether mutation has to start over, since somebody changed what others had seen (pkg/admission/reinvocation.go). Then every
 * plugin is called once more; those that remember something from the first round keep it under their name.
 */
export interface Reinvocation {
  /** Whether this is the second round. */
  readonly isReinvoke: boolean
  /** Asks for the second round. */
  request(): void
  /** What the plugin `name` remembers; made by `create` the first time. */
  state<T>(name: string, create: () => T): T
}

/** A resource through which the same objects are served in another version or group. */
export interface VersionedResource {
  readonly resource: GroupVersionResource
  /** Kind of the resource, or of the subresource that the request is about. */
  readonly kind: GroupVersionKind
}

/** What is known of the kind of a request besides the object (pkg/admission ObjectInterfaces). */
export interface ObjectVersions {
  /** Resources that serve the same objects and have the subresource of the request too; not the request's own. */
  equivalents(): readonly VersionedResource[]
  /** A new object of another version, which may share parts with the old one. */
  convert(object: KubeObject, kind: GroupVersionKind): Maybe<KubeObject>
  /** Plain JSON as an object of the kind: unknown fields go, defaults come. Throws DecodeError. */
  decode(value: unknown, kind: GroupVersionKind): KubeObject
  /** By which objects of the kind are read and merged. */
  schema(kind: GroupVersionKind): StructSchema
}

/**
 * One admission plugin. Throw a `StatusError` (usually `forbiddenError`) to refuse. All `mutate` run first, in the order of
 * the chain, then the kind's validation, then all `validate`. An update is retried on conflict and then admitted again.
 */
export interface AdmissionPlugin {
  readonly name: string
  /** Operations to be asked about. */
  readonly operations: readonly Operation[]
  /** `group/plural[/subresource]` (`/pods`, `/pods/exec`, `apps/deployments`) to be asked about; everything where missing. */
  readonly resources?: readonly string[]
  mutate?(attributes: AdmissionAttributes): Maybe<void>
  validate?(attributes: AdmissionAttributes): Maybe<void>
  /**
   * What it finds wrong with fields, for what upstream does in a kind's strategy: said before what the strategy finds, where that
   * refuses already. `validate` must refuse by the same.
   */
  fieldErrors?(attributes: AdmissionAttributes): Promise<readonly FieldError[]>
}

export interface ObjectChange<T extends KubeObject> {
  readonly type: 'added' | 'updated' | 'deleted'
  /** The new object; for `deleted` the last one. */
  readonly object: T
  readonly old?: T
}

export interface ChangeOptions {
  /**
   * Objects whose JSON has this text neither now nor before are none of the listener's business. They are left out unparsed,
   * which makes a create of a pod 6 % cheaper. Others may still be told.
   */
  readonly mentioning?: string
}

/** Reads objects inside the API server. Objects are shared: never change them. */
export interface ObjectReader {
  /** From the cache, at once; may be some milliseconds behind. */
  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): T | undefined
  /** All objects of a kind in the cache, or those of a namespace. */
  list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): readonly T[]
  /**
   * From the cache, in the version of the type also where a webhook has to convert: one object by its name, or all of a namespace.
   * Rejects with StatusError 500 where they cannot be converted.
   */
  read<T extends KubeObject>(type: ResourceType<T>, namespace: string | undefined, name?: string): Maybe<readonly T[]>
  /** From the store: for decisions that must not rest on a stale cache. */
  getFresh<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): Promise<T | undefined>
  /** Calls `listener` for what is there (as `added`) and for every change from now on. Returns its removal. */
  onChange<T extends KubeObject>(
    type: ResourceType<T>,
    listener: (change: ObjectChange<T>) => void,
    options?: ChangeOptions,
  ): () => void
}

/** Makes the tokens of the `serviceaccounts/token` subresource. */
export interface TokenIssuer {
  /** The request with all that it leaves open. Throws StatusError where it must be refused, whatever it is to be bound to. */
  complete(serviceAccount: ServiceAccount, request: TokenRequest): TokenRequest
  /** Answers the request with `status` filled in. Throws StatusError where it must be refused. */
  issue(serviceAccount: ServiceAccount, request: TokenRequest, warn?: (text: string) => void): Promise<TokenRequest>
}

/** Checks a bearer token for TokenReview. */
export interface TokenReviewer {
  review(token: string, audiences: readonly string[]): Maybe<Authentication | undefined>
}

export interface Security {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  /** In the order of the chain. */
  readonly admission: readonly AdmissionPlugin[]
  readonly tokenIssuer?: TokenIssuer
  readonly tokenReviewer?: TokenReviewer
  /** Paths outside the API that security itself serves, such as `/.well-known/openid-configuration` and `/openid/v1/jwks`. */
  readonly documents?: ReadonlyMap<string, { contentType: string; body(): Maybe<string>; maxAge(): number }>
}

/** What the security parts are given when the server is composed. */
export interface SecurityContext {
  readonly objects: ObjectReader
  /** Requests inside the process as `system:apiserver` in `system:masters`. Usable once the server has started. */
  readonly loopback: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly webhooks: WebhookCaller
  /** Where figures are kept for `/metrics`; nobody reads them where missing. */
  readonly metrics?: MetricsRegistry
  /** Which features are on; all are as by default where missing. */
  readonly featureGates?: { enabled(name: string): boolean }
  /** Tells this server from others, in figures. */
  readonly serverId?: string
  /** The resource that serves a kind, custom ones too; undefined where none does. */
  resourceOfKind(apiVersion: string, kind: string): ResourceType | undefined
}

/** Composes the security parts; `createApiServer` calls it once. */
export type SecurityFactory = (context: SecurityContext) => Security
