import type { Authentication, AuthenticationRequest, Authenticator, Maybe } from '../security.ts'
import { asAuthenticated } from './user.ts'

export interface UnionOptions {
  /** Asked in turn until one knows the credential; one that throws does not keep the next from being asked. */
  credentials: readonly Authenticator[]
  /** Asked last, and only where no credential was presented: a bad one must not be taken for none. */
  anonymous?: Authenticator
}

/** Several authenticators as one, which adds `system:authenticated` to whoever has a credential. */
export function unionAuthenticator({ credentials, anonymous }: UnionOptions): Authenticator {
  const authenticated = new WeakMap<Authentication, Authentication>()

  function accept(found: Authentication): Authentication {
    let result = authenticated.get(found)
    if (result === undefined) {
      result = { ...found, user: asAuthenticated(found.user) }
      authenticated.set(found, result)
    }
    return result
  }

  function ask(request: AuthenticationRequest, from: number, failure: unknown): Maybe<Authentication | undefined> {
    let failed = failure
    for (let index = from; index < credentials.length; index++) {
      try {
        const answer = credentials[index]!.authenticate(request)
        if (answer instanceof Promise) return wait(answer, request, index, failed)
        if (answer !== undefined) return accept(answer)
      } catch (error) {
        failed ??= error
      }
    }
    if (failed !== undefined) throw failed
    return anonymous?.authenticate(request)
  }

  async function wait(
    answer: Promise<Authentication | undefined>,
    request: AuthenticationRequest,
    index: number,
    failure: unknown,
  ): Promise<Authentication | undefined> {
    let failed = failure
    try {
      const found = await answer
      if (found !== undefined) return accept(found)
    } catch (error) {
      failed ??= error
    }
    return ask(request, index + 1, failed)
  }

  return { authenticate: request => ask(request, 0, undefined) }
}
