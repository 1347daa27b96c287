import type { Authentication, AuthenticationRequest, Authenticator, Maybe, TokenReviewer } from '../security.ts'
import { InvalidCredentialError } from './client-certificate.ts'
import { asAuthenticated, then } from './user.ts'
import { webSocketToken } from './web-socket-protocols.ts'

/** Knows one kind of bearer token. `undefined`: not that kind; throws where it is that kind but not valid. */
export interface TokenAuthenticator {
  authenticateToken(token: string, audiences: readonly string[], annotate?: Annotate): Maybe<Authentication | undefined>
}

/** Adds an annotation to the audit events of the request that carries the token. */
export type Annotate = NonNullable<AuthenticationRequest['annotate']>

/** The token of `Authorization: Bearer`, or the one that browsers hand in as a WebSocket subprotocol. */
export function bearerTokenOf(headers: AuthenticationRequest['headers']): string | undefined {
  const authorization = headers.authorization
  if (typeof authorization === 'string') {
    const match = /^bearer +(\S+)\s*$/i.exec(authorization.trim())
    if (match !== null) return match[1]
  }
  return headers['sec-websocket-protocol'] === undefined ? undefined : webSocketToken(headers)
}

/** Asks each kind of token in turn. */
export class BearerTokens implements Authenticator, TokenReviewer {
  readonly #kinds: readonly TokenAuthenticator[]
  readonly #audiences: readonly string[]

  /** `audiences` are the API server's own: a token must be meant for one of them. */
  constructor(kinds: readonly TokenAuthenticator[], audiences: readonly string[]) {
    this.#kinds = kinds
    this.#audiences = audiences
  }

  authenticate(request: AuthenticationRequest): Maybe<Authentication | undefined> {
    const token = bearerTokenOf(request.headers)
    if (token === undefined) return undefined
    return then(this.#ask(token, this.#audiences, request.annotate), found => {
      if (found === undefined) throw new InvalidCredentialError('invalid bearer token')
      return found
    })
  }

  /** For TokenReview: `undefined` for a token nobody knows; throws where it is known to be invalid. */
  review(token: string, audiences: readonly string[]): Maybe<Authentication | undefined> {
    const wanted = audiences.length > 0 ? audiences : this.#audiences
    return then(this.#ask(token, wanted), found => {
      const valid = found?.audiences ?? this.#common(wanted)
      if (found === undefined || (valid.length === 0 && wanted.length > 0)) return undefined
      return { ...found, user: asAuthenticated(found.user), audiences: valid }
    })
  }

  /** Tokens without audiences of their own are good for the API server's. */
  #common(wanted: readonly string[]): string[] {
    return wanted.filter(each => this.#audiences.includes(each))
  }

  /** A kind that refuses a token does not keep the next from being asked; its reason counts where nobody takes the token. */
  #ask(
    token: string,
    audiences: readonly string[],
    annotate?: Annotate,
    from = 0,
    failure?: unknown,
  ): Maybe<Authentication | undefined> {
    let failed = failure
    for (let index = from; index < this.#kinds.length; index++) {
      try {
        const answer = this.#kinds[index]!.authenticateToken(token, audiences, annotate)
        if (answer instanceof Promise) {
          return answer.then(
            found => found ?? this.#ask(token, audiences, annotate, index + 1, failed),
            error => this.#ask(token, audiences, annotate, index + 1, failed ?? error),
          )
        }
        if (answer !== undefined) return answer
      } catch (error) {
        failed ??= error
      }
    }
    if (failed !== undefined) throw failed
    return undefined
  }
}
