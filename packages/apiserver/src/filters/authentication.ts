/** Who asks, by the credential of the request. */
import { StatusError, unauthorizedError } from '@canopus/apimachinery'
import type { RequestAudit } from '../audit/request-audit.ts'
import type { ApiRequest } from '../http/message.ts'
import type { Authentication, AuthenticationRequest, Authenticator, Maybe, User } from '../security.ts'

/** Throws StatusError 401 where nobody knows the credential. What there is to say of it is added to `warnings`. */
export function authenticate(
  authenticator: Authenticator,
  request: ApiRequest,
  audit: RequestAudit | undefined,
  warnings: string[],
): Maybe<User> {
  if (request.user !== undefined) return request.user
  let found: ReturnType<Authenticator['authenticate']>
  try {
    found = authenticator.authenticate(audit === undefined ? request : annotating(request, audit))
  } catch (error) {
    throw refused(error)
  }
  if (found instanceof Promise) {
    return found.then(
      result => userOf(result, warnings),
      error => Promise.reject(refused(error)),
    )
  }
  return userOf(found, warnings)
}

function userOf(found: Authentication | undefined, warnings: string[]): User {
  if (found === undefined) throw unauthorizedError()
  if (found.warnings !== undefined) warnings.push(...found.warnings)
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
