/** Who asks, by the credential of the request. */
import { StatusError, unauthorizedError } from '@canopus/apimachinery'
import type { RequestAudit } from '../audit/request-audit.ts'
import type { ApiRequest } from '../http/message.ts'
import type { Authenticator, Maybe, User } from '../security.ts'

/** Throws StatusError 401 where nobody knows the credential. */
export function authenticate(authenticator: Authenticator, request: ApiRequest, audit?: RequestAudit): Maybe<User> {
  if (request.user !== undefined) return request.user
  const { headers, distinctHeaders, connection, method, path } = request
  const distinct = distinctHeaders === undefined ? {} : { distinct: distinctHeaders }
  let found: ReturnType<Authenticator['authenticate']>
  try {
    const annotate = audit && ((key: string, value: string) => audit.annotate(key, value))
    const more = { ...distinct, ...(annotate ? { annotate } : {}) }
    found = authenticator.authenticate({ headers, connection, method, path, ...more })
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
