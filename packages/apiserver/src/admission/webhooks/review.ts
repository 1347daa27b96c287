/** AdmissionReview: what a webhook is sent, and what it may answer (k8s.io/apiserver/pkg/admission/plugin/webhook/request). */
import { apiVersionOf, type KubeObject, type Status } from '@canopus/apimachinery'
import type { AdmissionAttributes } from '../../security.ts'
import { type Match, namespaceOf } from '../matching/rules.ts'

const GROUP = 'admission.k8s.io'

/** In the order in which a webhook prefers them, the first one counts that we speak. */
export function reviewVersion(accepted: readonly string[]): string | undefined {
  return accepted.find(each => each === 'v1' || each === 'v1beta1')
}

/** The objects of a request as the webhook is to see them. */
export interface ReviewedObjects {
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
}

/** The review to send. */
export function createReview(
  version: string,
  uid: string,
  attributes: AdmissionAttributes,
  match: Match,
  { object, oldObject }: ReviewedObjects,
): Record<string, unknown> {
  return {
    kind: 'AdmissionReview',
    apiVersion: `${GROUP}/${version}`,
    request: {
      uid,
      ...requestFacts(attributes, match),
      object: whole(object, match) ?? null,
      oldObject: whole(oldObject, match) ?? null,
    },
  }
}

/** What an AdmissionRequest says of the request besides its objects. */
export function requestFacts(attributes: AdmissionAttributes, match: Match): Record<string, unknown> {
  const { kind, resource, subresource, name, operation, dryRun } = attributes
  return {
    kind: match.kind,
    resource: match.resource,
    ...given('subResource', subresource),
    requestKind: kind,
    requestResource: resource,
    ...given('requestSubResource', subresource),
    ...given('name', name),
    ...given('namespace', namespaceOf(attributes)),
    operation,
    userInfo: userInfo(attributes),
    dryRun,
    options: optionsOf(attributes),
  }
}

const given = (key: string, value: string): Record<string, string> => (value === '' ? {} : { [key]: value })

function userInfo({ user }: AdmissionAttributes): Record<string, unknown> {
  return {
    ...given('username', user.name),
    ...given('uid', user.uid ?? ''),
    ...(user.groups.length === 0 ? {} : { groups: user.groups }),
    ...(user.extra === undefined ? {} : { extra: user.extra }),
  }
}

/** Objects say what they are, first. */
export function whole(object: KubeObject | undefined, { kind }: Match): KubeObject | undefined {
  return object === undefined ? undefined : { ...object, kind: kind.kind, apiVersion: apiVersionOf(kind) }
}

function optionsOf({ operation, options }: AdmissionAttributes): unknown {
  if (operation === 'CONNECT') return null
  // A patch comes as the creation or update that it amounts to.
  const kind = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' }[operation]
  const { kind: _, apiVersion: __, ...rest } = options as { kind?: string; apiVersion?: string }
  return { kind, apiVersion: 'meta.k8s.io/v1', ...rest }
}

/** A webhook's verdict. */
export interface Verdict {
  readonly allowed: boolean
  /** The operations of a JSON patch, base64 taken off. */
  readonly patch: string
  readonly patchType: string
  readonly auditAnnotations: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
  readonly result: Status | undefined
}

/** The answer cannot be used; the message is upstream's. */
export class ReviewError extends Error {}

interface Response {
  uid?: unknown
  allowed?: unknown
  patch?: unknown
  patchType?: unknown
  auditAnnotations?: Record<string, string>
  warnings?: string[]
  status?: Status
}

/** Reads the answer to a review. Throws ReviewError. */
export function readVerdict(version: string, uid: string, mutating: boolean, answer: unknown): Verdict {
  const { kind, apiVersion, response } = (answer ?? {}) as { kind?: unknown; apiVersion?: unknown; response?: Response }
  if (typeof response !== 'object' || response === null) throw new ReviewError('webhook response was absent')
  if (version === 'v1') checkV1(uid, mutating, String(kind ?? ''), String(apiVersion ?? ''), response)
  const patch = typeof response.patch === 'string' && mutating ? response.patch : ''
  return {
    allowed: response.allowed === true,
    patch: Buffer.from(patch, 'base64').toString(),
    // The older version never looked at the type: there is only one.
    patchType: patch === '' ? '' : version === 'v1' ? String(response.patchType) : 'JSONPatch',
    auditAnnotations: response.auditAnnotations ?? {},
    warnings: response.warnings ?? [],
    result: response.status,
  }
}

function checkV1(uid: string, mutating: boolean, kind: string, apiVersion: string, response: Response): void {
  const refuse = (why: string): never => {
    throw new ReviewError(why)
  }
  if (response.uid !== uid) refuse(`expected response.uid=${quoted(uid)}, got ${quoted(response.uid)}`)
  if (kind !== 'AdmissionReview' || apiVersion !== `${GROUP}/v1`) {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
    refuse(`expected webhook response of ${GROUP}/v1, Kind=AdmissionReview, got ${group}/${version}, Kind=${kind}`)
  }
  const hasPatch = typeof response.patch === 'string' && response.patch !== ''
  const hasType = response.patchType !== undefined && response.patchType !== null
  if (!mutating) {
    if (hasPatch) refuse('validating webhook may not return response.patch')
    if (hasType) refuse('validating webhook may not return response.patchType')
    return
  }
  if (hasPatch && !hasType) refuse('webhook returned response.patch but not response.patchType')
  if (!hasPatch && hasType) refuse('webhook returned response.patchType but not response.patch')
  if (hasType && response.patchType === '') refuse('webhook returned invalid response.patchType of ""')
}

const quoted = (value: unknown): string => JSON.stringify(typeof value === 'string' ? value : '')
