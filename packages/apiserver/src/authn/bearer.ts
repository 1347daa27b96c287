import type { Authentication, AuthenticationRequest, Authenticator, Maybe, TokenReviewer } from '../security.ts'
import { InvalidCredentialError } from './client-certificate.ts'
import { asAuthenticated, then } from './user.ts'

/** Knows one kind of bearer token. `undefined`: not that kind; throws where it is that kind but not valid. */
export interface TokenAuthenticator {
  authenticateToken(token: string, audiences: readonly string[], annotate?: Annotate): Maybe<Authentication | undefined>
}

/** Adds an annotation to the audit events of the request that carries the token. */
export type Annotate = NonNullable<AuthenticationRequest['annotate']>

const WEBSOCKET_PREFIX = 'base64url.bearer.authorization.k8s.io.'

/** The token of `Authorization: Bearer`, or the one that browsers hand in as a WebSocket subprotocol. */
export function bearerTokenOf(headers: AuthenticationRequest['headers']): string | undefined {
  const authorization = headers.authorization
  if (typeof authorization === 'string') {
    const match = /^bearer +(\S+)\s*$/i.exec(authorization.trim())
    if (match !== null) return match[1]
  }
  const protocols = headers['sec-websocket-protocol']
  if (protocols === undefined) return undefined
  const offered = (typeof protocols === 'string' ? protocols : protocols.join(',')).split(',').map(each => each.trim())
  const carrying = offered.find(each => each.startsWith(WEBSOCKET_PREFIX))
  return carrying && Buffer.from(carrying.slice(WEBSOCKET_PREFIX.length), 'base64url').toString('utf8')
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
    return then(
      this.#ask(token, wanted),
      found =>
        found && { ...found, user: asAuthenticated(found.user), audiences: found.audiences ?? this.#common(wanted) },
    )
  }

  /** Tokens without audiences of their own are good for the API server's. */
  #common(wanted: readonly string[]): string[] {
    return wanted.filter(each => this.#audiences.includes(each))
  }

  #ask(token: string, audiences: readonly string[], annotate?: Annotate): Maybe<Authentication | undefined> {
    for (let index = 0; index < this.#kinds.length; index++) {
      const answer = this.#kinds[index]!.authenticateToken(token, audiences, annotate)
      if (answer instanceof Promise) return this.#askLater(answer, token, audiences, index, annotate)
      if (answer !== undefined) return answer
    }
    return undefined
  }

  async #askLater(
    first: Promise<Authentication | undefined>,
    token: string,
    audiences: readonly string[],
    index: number,
    annotate?: Annotate,
  ): Promise<Authentication | undefined> {
    const found = await first
    if (found !== undefined) return found
    for (const kind of this.#kinds.slice(index + 1)) {
      const answer = await kind.authenticateToken(token, audiences, annotate)
      if (answer !== undefined) return answer
    }
    return undefined
  }
}
