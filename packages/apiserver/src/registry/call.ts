/** One request on its way through the registry. */
import type { CreateOptions, DeleteOptions, UpdateOptions } from '@canopus/apimachinery'
import type { RequestInfo } from '../filters/request-info.ts'
import type { ApiRequest } from '../http/message.ts'
import type { AuditAnnotation, Maybe, User } from '../security.ts'

export interface Call {
  readonly user: User
  readonly info: RequestInfo
  readonly request: ApiRequest
  /** Texts for `Warning` headers. */
  readonly warnings: string[]
  /** What admission has to say in the audit event of the request. */
  readonly annotations: AuditAnnotations
  /** Asks for one more permission on the same resource. Throws StatusError 403. */
  authorize(verb: string): Maybe<void>
}

/** How a write is to be done. */
export interface WriteCall {
  readonly user: User
  readonly dryRun: boolean
  readonly options: CreateOptions | UpdateOptions | DeleteOptions
  /** Empty for the resource itself. */
  readonly subresource: string
  /** Who is to own the fields that the write sets. */
  readonly manager?: string
  readonly warnings: string[]
  /** Absent for the server's own writes. */
  readonly annotations?: AuditAnnotations
}

export type AuditAnnotations = Map<string, AuditAnnotation>

/** The first value of a key stays (k8s.io/apiserver/pkg/admission/attributes.go). */
export function annotate(annotations: AuditAnnotations | undefined, key: string, annotation: AuditAnnotation): void {
  if (annotations !== undefined && !annotations.has(key)) annotations.set(key, annotation)
}
