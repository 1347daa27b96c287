/** May they: the question put to the authorizer, and the wording of no (k8s.io/apiserver/pkg/endpoints/handlers/responsewriters). */
import { forbiddenError, type StatusError } from '@canopus/apimachinery'
import type { Attributes, Authorizer, Maybe, User } from '../security.ts'
import type { RequestInfo } from './request-info.ts'

export function attributesOf(user: User, info: RequestInfo): Attributes {
  const fieldSelector = info.query.get('fieldSelector')
  const labelSelector = info.query.get('labelSelector')
  return {
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
    ...(fieldSelector === null ? {} : { fieldSelector }),
    ...(labelSelector === null ? {} : { labelSelector }),
  }
}

/** Throws StatusError 403 where the request is not allowed. */
export function authorize(authorizer: Authorizer, user: User, info: RequestInfo): Maybe<void> {
  const attributes = attributesOf(user, info)
  const answer = authorizer.authorize(attributes)
  if (answer instanceof Promise) {
    return answer.then(({ decision, reason }) => {
      if (decision !== 'allow') throw forbiddenAttributes(attributes, reason)
    })
  }
  if (answer.decision !== 'allow') throw forbiddenAttributes(attributes, answer.reason)
}

export function forbiddenAttributes(attributes: Attributes, reason: string): StatusError {
  const text = forbiddenText(attributes)
  const why = reason === '' ? text : `${text}: ${reason}`
  const { apiGroup: group, resource, name } = attributes
  return forbiddenError(attributes.isResourceRequest ? { group, resource, name } : { group: '', resource: '' }, why)
}

function forbiddenText(attributes: Attributes): string {
  const { user, verb, apiGroup, resource, subresource, namespace, path } = attributes
  const who = `User ${JSON.stringify(user.name)}`
  if (!attributes.isResourceRequest) return `${who} cannot ${verb} path ${JSON.stringify(path)}`
  const what = JSON.stringify(subresource === '' ? resource : `${resource}/${subresource}`)
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  return `${who} cannot ${verb} resource ${what} in API group ${JSON.stringify(apiGroup)} ${where}`
}
