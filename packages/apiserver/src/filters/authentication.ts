/** Who asks: the credential of the request, then the identity that it may take on (`Impersonate-*` headers). */
import { badRequestError, StatusError, unauthorizedError } from '@canopus/apimachinery'
import type { RequestAudit } from '../audit/request-audit.ts'
import { type ApiRequest, header } from '../http/message.ts'
import type { Attributes, Authenticator, Authorizer, Maybe, User } from '../security.ts'
import { forbiddenAttributes } from './authorization.ts'

/** Throws StatusError 401 where nobody knows the credential. */
export function authenticate(authenticator: Authenticator, request: ApiRequest, audit?: RequestAudit): Maybe<User> {
  if (request.user !== undefined) return request.user
  const { headers, connection, method, path } = request
  let found: ReturnType<Authenticator['authenticate']>
  try {
    const annotate = audit && ((key: string, value: string) => audit.annotate(key, value))
    found = authenticator.authenticate({ headers, connection, method, path, ...(annotate ? { annotate } : {}) })
  } catch (error) {
    throw refused(error)
  }
  if (found instanceof Promise) {
    return found.then(
      result => result?.user ?? Promise.reject(unauthorizedError()),
      error => Promise.reject(refused(error)),
    )
  }
  if (found === undefined) throw unauthorizedError()
  return found.user
}

/** Bad credentials are all answered alike; only what says so itself (too many requests, say) is passed on. */
function refused(error: unknown): StatusError {
  return error instanceof StatusError && error.code !== 403 ? error : unauthorizedError()
}

const PREFIX = 'impersonate-'
const EXTRA = 'impersonate-extra-'
const SYSTEM_SERVICE_ACCOUNT = 'system:serviceaccount:'

/** The identity to act under (k8s.io/apiserver/pkg/endpoints/filters/impersonation). Throws StatusError 400 and 403. */
export function impersonate(authorizer: Authorizer, request: ApiRequest, user: User): Maybe<User> {
  const { headers } = request
  if (header(headers, 'impersonate-user') === undefined) {
    for (const name in headers) {
      if (name.startsWith(PREFIX)) {
        throw badRequestError(`requested ${JSON.stringify(header(headers, name))} without impersonating a user name`)
      }
    }
    return user
  }
  return check(authorizer, user, wanted(request))
}

function wanted(request: ApiRequest): User {
  const { headers } = request
  const all = (name: string): string[] => {
    const value = headers[name]
    return value === undefined ? [] : typeof value === 'string' ? value.split(', ') : [...value]
  }
  const name = header(headers, 'impersonate-user')!
  const extra: Record<string, string[]> = {}
  for (const key in headers) {
    if (key.startsWith(EXTRA)) extra[unescaped(key.slice(EXTRA.length))] = all(key)
  }
  const uid = header(headers, 'impersonate-uid')
  return {
    name,
    ...(uid === undefined ? {} : { uid }),
    groups: all('impersonate-group'),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

/** Keys are percent-encoded where they hold what headers may not; anything else stands for itself. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

async function check(authorizer: Authorizer, user: User, as: User): Promise<User> {
  const base = {
    user,
    verb: 'impersonate',
    isResourceRequest: true,
    path: '',
    apiVersion: 'v1',
    subresource: '',
    namespace: '',
  }
  const asked: Attributes[] = []
  const [, , namespace, account] = as.name.split(':')
  if (as.name.startsWith(SYSTEM_SERVICE_ACCOUNT) && namespace && account) {
    asked.push({ ...base, apiGroup: '', resource: 'serviceaccounts', namespace, name: account })
  } else asked.push({ ...base, apiGroup: '', resource: 'users', name: as.name })
  for (const group of as.groups) asked.push({ ...base, apiGroup: '', resource: 'groups', name: group })
  const other = { ...base, apiGroup: 'authentication.k8s.io' }
  if (as.uid !== undefined) asked.push({ ...other, resource: 'uids', name: as.uid })
  for (const [key, values] of Object.entries(as.extra ?? {})) {
    for (const value of values) asked.push({ ...other, resource: 'userextras', subresource: key, name: value })
  }
  for (const attributes of asked) {
    const { decision, reason } = await authorizer.authorize(attributes)
    if (decision !== 'allow') throw forbiddenAttributes(attributes, reason)
  }
  // Groups that follow from the name need no permission of their own; those asked for by header do, whatever they are.
  const implied =
    as.groups.length === 0 && as.name.startsWith(SYSTEM_SERVICE_ACCOUNT) && namespace
      ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
      : []
  const everybody = as.name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated'
  const groups = new Set([...as.groups, ...implied, everybody])
  return { ...as, groups: [...groups] }
}
