import { forbiddenError, type StatusError } from '@canopus/apimachinery'
import type { Attributes } from '../security.ts'

const q = JSON.stringify

/** What was not allowed, in upstream's words (apiserver/pkg/endpoints/handlers/responsewriters/errors.go). */
export function denialText(attributes: Attributes): string {
  const { user, verb, path, apiGroup, namespace } = attributes
  if (!attributes.isResourceRequest) return `User ${q(user.name)} cannot ${verb} path ${q(path)}`
  const resource =
    attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${q(namespace)}`
  return `User ${q(user.name)} cannot ${verb} resource ${q(resource)} in API group ${q(apiGroup)} ${where}`
}

/** The answer to a request that no authorizer allowed. */
export function accessDenied(attributes: Attributes, reason: string): StatusError {
  const text = reason === '' ? denialText(attributes) : `${denialText(attributes)}: ${reason}`
  const { apiGroup: group, resource, name } = attributes
  return forbiddenError(attributes.isResourceRequest ? { group, resource, name } : { group: '', resource: '' }, text)
}
