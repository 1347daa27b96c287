/** Which kind, object and subresource a path names. */
import { apiVersionOf, type ResourceType } from '@canopus/apimachinery'

export interface Route {
  type: ResourceType
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
}

export function parsePath(path: string, types: readonly ResourceType[]): Route | undefined {
  const [root, ...rest] = path.split('/').filter(Boolean).map(decodeURIComponent)
  const groupVersion = root === 'api' ? rest.shift() : `${rest.shift()}/${rest.shift()}`
  let namespace: string | undefined
  if (rest[0] === 'namespaces' && rest.length >= 3 && find(groupVersion, rest[2]!, types)?.namespaced) {
    namespace = rest[1]
    rest.splice(0, 2)
  }
  const [plural, name, ...sub] = rest
  const type = plural === undefined ? undefined : find(groupVersion, plural, types)
  return type && { type, namespace, name, subresource: sub.length > 0 ? sub.join('/') : undefined }
}

function find(
  groupVersion: string | undefined,
  plural: string,
  types: readonly ResourceType[],
): ResourceType | undefined {
  return types.find(type => type.plural === plural && apiVersionOf(type) === groupVersion)
}
