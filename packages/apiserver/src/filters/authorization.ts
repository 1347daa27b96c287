/** May they: the question put to the authorizer, and the wording of no (k8s.io/apiserver/pkg/endpoints/handlers/responsewriters). */
import { forbiddenError, StatusError } from '@canopus/apimachinery'
import type { RequestAudit } from '../audit/request-audit.ts'
import type { Attributes, Authorizer, Decision, Maybe, User } from '../security.ts'
import type { RequestInfo } from './request-info.ts'

/** Verbs on many objects: selectors narrow what they touch (KEP-4601). */
const SELECTING = new Set(['list', 'watch', 'deletecollection'])

export function attributesOf(user: User, info: RequestInfo): Attributes {
  const attributes: Attributes = {
    user,
    verb: info.verb,
    isResourceRequest: info.isResourceRequest,
    path: info.path,
    apiGroup: info.group,
    apiVersion: info.version,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
  }
  if (info.query.size === 0 || !SELECTING.has(info.verb) || !info.isResourceRequest) return attributes
  const fieldSelector = info.query.get('fieldSelector')
  const labelSelector = info.query.get('labelSelector')
  return {
    ...attributes,
    ...(fieldSelector === null ? {} : { fieldSelector }),
    ...(labelSelector === null ? {} : { labelSelector }),
  }
}

/** Throws StatusError 403 where the request is not allowed. The decision is noted in `audit`. */
export function authorize(authorizer: Authorizer, user: User, info: RequestInfo, audit?: RequestAudit): Maybe<void> {
  const attributes = attributesOf(user, info)
  const answer = authorizer.authorize(attributes)
  if (answer instanceof Promise) {
    return answer.then(decided => obey(attributes, decided, audit))
  }
  obey(attributes, answer, audit)
}

function obey(attributes: Attributes, { decision, reason }: Decision, audit: RequestAudit | undefined): void {
  const allowed = decision === 'allow'
  if (audit !== undefined) {
    audit.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid')
    audit.annotate('authorization.k8s.io/reason', reason)
  }
  if (!allowed) throw forbiddenAttributes(attributes, reason)
}

/** What the authorizer has refused, rather than admission or a kind. */
export class RefusedError extends StatusError {}

export function forbiddenAttributes(attributes: Attributes, reason: string): StatusError {
  const text = forbiddenText(attributes)
  const why = reason === '' ? text : `${text}: ${reason}`
  const { apiGroup: group, resource, name } = attributes
  const target = attributes.isResourceRequest ? { group, resource, name } : { group: '', resource: '' }
  return new RefusedError(forbiddenError(target, why).status)
}

function forbiddenText(attributes: Attributes): string {
  const { user, verb, apiGroup, resource, subresource, namespace, path } = attributes
  const who = `User ${JSON.stringify(user.name)}`
  if (!attributes.isResourceRequest) return `${who} cannot ${verb} path ${JSON.stringify(path)}`
  const what = JSON.stringify(subresource === '' ? resource : `${resource}/${subresource}`)
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  return `${who} cannot ${verb} resource ${what} in API group ${JSON.stringify(apiGroup)} ${where}`
}
