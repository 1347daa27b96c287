/** Who asks, by the credential of the request. */
import { StatusError, unauthorizedError } from '@canopus/apimachinery'
import type { RequestAudit } from '../audit/request-audit.ts'
import type { ApiRequest } from '../http/message.ts'
import type { AuthenticationRequest, Authenticator, Maybe, User } from '../security.ts'

/** Throws StatusError 401 where nobody knows the credential. */
export function authenticate(authenticator: Authenticator, request: ApiRequest, audit?: RequestAudit): Maybe<User> {
  if (request.user !== undefined) return request.user
  let found: ReturnType<Authenticator['authenticate']>
  try {
    found = authenticator.authenticate(audit === undefined ? request : annotating(request, audit))
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

/** The same request, whose authenticators may annotate its audit events. */
function annotating(request: ApiRequest, audit: RequestAudit): AuthenticationRequest {
  const { headers, connection, method, path } = request
  return {
    headers,
    connection,
    method,
    path,
    ...(request.distinctHeaders === undefined ? {} : { distinctHeaders: () => request.distinctHeaders!() }),
    annotate: (key, value) => audit.annotate(key, value),
  }
}
