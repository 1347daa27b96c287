/** Kinds that are answered on the spot: who am I, may I, may they, whose token is this. */

import type { Kind } from '@canopus/api'
import { virtualKinds, writeZerosOf } from '@canopus/api'
import type { SelfSubjectReview, TokenReview, UserInfo } from '@canopus/api/authentication/v1'
import type {
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '@canopus/api/authorization/v1'
import {
  apiVersionOf,
  badRequestError,
  type FieldError,
  formatTime,
  invalidError,
  type KubeObject,
  type ObjectMeta,
} from '@canopus/apimachinery'
import { type Clock, messageOf } from '@canopus/base'
import { decodeBody } from '../encoding/body.ts'
import type { ApiResponse } from '../http/message.ts'
import type { AdmissionChain, AdmissionTarget } from '../registry/admission.ts'
import type { Call } from '../registry/call.ts'
import { writeCallOf } from '../registry/endpoint.ts'
import { readBytes } from '../registry/handler-events.ts'
import { trackAnswer } from '../registry/owners.ts'
import { objectResponse } from '../registry/respond.ts'
import type { Attributes, Security, User } from '../security.ts'
import { askedSelectors } from './selectors.ts'
import { validateAccessReview, validateSelfAccessReview } from './validation.ts'

export interface ReviewContext {
  readonly security: Security
  readonly clock: Clock
  readonly admission: AdmissionChain
}

/** Whether admission lets the object pass; asked by each review once it has found the object in order. */
type Admitted = () => Promise<void>
type Review = (context: ReviewContext, call: Call, object: never, admitted: Admitted) => Promise<unknown>

const reviews: Readonly<Record<string, Review>> = {
  SelfSubjectReview: selfSubjectReview,
  TokenReview: tokenReview,
  SubjectAccessReview: accessReview,
  LocalSubjectAccessReview: accessReview,
  SelfSubjectAccessReview: selfAccessReview,
  SelfSubjectRulesReview: rulesReview,
}

/** Answered with objects that are made anew, which nobody owns anything of. */
const MADE_ANEW: ReadonlySet<string> = new Set(['SelfSubjectReview', 'SelfSubjectRulesReview'])

export const isReview = (kind: Kind): boolean => kind.type.kind in reviews && virtualKinds.includes(kind)

/** POST of a review: answers the same object with its status filled in. */
export async function serveReview(context: ReviewContext, kind: Kind, call: Call): Promise<ApiResponse> {
  const { options, write } = writeCallOf(call, 'CreateOptions')
  const expected = { apiVersion: apiVersionOf(kind.type), kind: kind.type.kind, message: kind.message }
  const body = await readBytes(call.request)
  const object = decodeBody(body, call.request.headers, expected, options.fieldValidation, call.warnings)
  call.audit?.requestObject(object, expected)
  object.kind = expected.kind
  object.apiVersion = expected.apiVersion
  const { namespace } = call.info
  if (kind.type.namespaced) inNamespace(object, namespace)
  else if (object.metadata) delete object.metadata.namespace
  if (!MADE_ANEW.has(expected.kind)) trackAnswer(expected, write, object, context.clock.now())
  const name = object.metadata?.name ?? ''
  const target: AdmissionTarget = { kind, operation: 'CREATE', namespace, name, object, oldObject: undefined }
  await context.admission.mutate(write, target)
  const admitted = (): Promise<void> => context.admission.validate(write, target)
  const status = await reviews[expected.kind]!(context, call, object as never, admitted)
  writeZerosOf(kind.message, object, false)
  return objectResponse(call.request, 201, { ...object, status } as KubeObject)
}

/** The namespace of the request, which the object may leave out. */
function inNamespace(object: Partial<KubeObject>, namespace: string): void {
  const { metadata } = object
  if (metadata?.namespace && metadata.namespace !== namespace) {
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request')
  }
  Object.assign(object, { metadata: { ...metadata, namespace } })
}

export function userInfo(user: User): UserInfo {
  const extra = Object.fromEntries(Object.entries(user.extra ?? {}).map(([key, values]) => [key, [...values]]))
  return {
    username: user.name,
    ...(user.uid === undefined || user.uid === '' ? {} : { uid: user.uid }),
    ...(user.groups.length === 0 ? {} : { groups: [...user.groups] }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

async function selfSubjectReview(
  context: ReviewContext,
  call: Call,
  object: SelfSubjectReview,
  admitted: Admitted,
): Promise<unknown> {
  await admitted()
  // Upstream answers with an object of its own.
  object.metadata = { creationTimestamp: formatTime(context.clock.now()) } as ObjectMeta
  return { userInfo: userInfo(call.user) }
}

async function tokenReview(
  { security }: ReviewContext,
  _call: Call,
  object: TokenReview,
  admitted: Admitted,
): Promise<unknown> {
  const { token, audiences = [] } = object.spec
  if (!token) throw badRequestError('token is required for TokenReview in authentication')
  await admitted()
  // What the client says of the outcome stays where nothing else is found out, as upstream.
  const { authenticated: _, ...said } = { user: {}, ...object.status }
  if (security.tokenReviewer === undefined) return { user: {}, ...object.status }
  try {
    const found = await security.tokenReviewer.review(token, audiences)
    if (found === undefined) return { ...said, error: 'invalid bearer token' }
    const { audiences: _audiences, ...kept } = said
    return {
      ...kept,
      authenticated: true,
      user: userInfo(found.user),
      ...(found.audiences === undefined || found.audiences.length === 0 ? {} : { audiences: [...found.audiences] }),
    }
  } catch (error) {
    return { ...said, error: messageOf(error) }
  }
}

async function accessReview(
  { security }: ReviewContext,
  call: Call,
  object: SubjectAccessReview,
  admitted: Admitted,
): Promise<unknown> {
  const local = object.kind === 'LocalSubjectAccessReview' ? call.info.namespace : undefined
  throwInvalid(validateAccessReview(object, local))
  await admitted()
  const { user: name = '', groups = [], uid, extra } = object.spec
  const user: User = {
    name,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  }
  return decide(security, user, object.spec)
}

async function selfAccessReview(
  { security }: ReviewContext,
  call: Call,
  object: SubjectAccessReview,
  admitted: Admitted,
): Promise<unknown> {
  throwInvalid(validateSelfAccessReview(object))
  await admitted()
  return decide(security, call.user, object.spec)
}

/** Upstream leaves out what kind it is that is wrong. */
function throwInvalid(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidError({ group: 'authorization.k8s.io', resource: '', name: '' }, errors)
}

async function decide(security: Security, user: User, spec: SubjectAccessReviewSpec): Promise<unknown> {
  const { problems, ...selectors } = askedSelectors(spec.resourceAttributes)
  const { decision, reason } = await security.authorizer.authorize(attributesOf(user, spec, selectors))
  return {
    allowed: decision === 'allow',
    ...(decision === 'deny' ? { denied: true } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(problems.length === 0 ? {} : { evaluationError: problems.join('; ') }),
  }
}

function attributesOf(
  user: User,
  spec: SubjectAccessReviewSpec,
  selectors: Pick<Attributes, 'fieldSelector' | 'labelSelector'>,
): Attributes {
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec
  return {
    user,
    verb: (asked?.verb ?? path?.verb) || '',
    isResourceRequest: asked !== undefined,
    path: path?.path ?? '',
    apiGroup: asked?.group ?? '',
    apiVersion: asked?.version ?? '',
    resource: asked?.resource ?? '',
    subresource: asked?.subresource ?? '',
    namespace: asked?.namespace ?? '',
    name: asked?.name ?? '',
    ...selectors,
  }
}

async function rulesReview(
  { security }: ReviewContext,
  call: Call,
  object: SelfSubjectRulesReview,
  admitted: Admitted,
): Promise<unknown> {
  await admitted()
  const namespace = object.spec.namespace ?? ''
  if (namespace === '') throw badRequestError('no namespace on request')
  // Upstream answers without the question.
  object.spec = {}
  return (
    (await security.authorizer.rulesFor?.(call.user, namespace)) ?? {
      resourceRules: [],
      nonResourceRules: [],
      incomplete: true,
      evaluationError: 'the authorizer cannot enumerate rules',
    }
  )
}
