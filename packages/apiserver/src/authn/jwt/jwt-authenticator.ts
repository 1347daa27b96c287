/** Tokens of one issuer (k8s.io/apiserver plugin/pkg/authenticator/token/oidc). */
import { type Clock, messageOf } from '@canopus/base'
import { type CompiledExpression, type CompileExpression, compileExpression } from '../../configuration/expressions.ts'
import type { Dialer } from '../../egress/dial.ts'
import type { Egress } from '../../egress/egress.ts'
import type { Authentication, User } from '../../security.ts'
import type { TokenAuthenticator } from '../bearer.ts'
import { InvalidCredentialError } from '../client-certificate.ts'
import type { TokenCacheMetrics } from '../token-cache-metrics.ts'
import { EXTRA } from '../user.ts'
import { checkClaims, untrustedIssuer } from './claims.ts'
import type { ClaimOrExpression, JwtIssuer, PrefixedClaim } from './configuration.ts'
import { DistributedClaims } from './distributed-claims.ts'
import { type FetchJson, type FetchText, fetchJsonWith, fetchTextWith } from './fetch-json.ts'
import { IssuerKeys } from './issuer-keys.ts'
import type { JwtMetrics } from './jwt-metrics.ts'

/** Every algorithm that upstream takes. */
export const SIGNING_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512']

export interface JwtOptions {
  readonly clock: Clock
  readonly metrics?: JwtMetrics
  readonly cacheMetrics?: TokenCacheMetrics | undefined
  /** By what ways issuers are reached that are said to be behind one; there are none where missing. */
  readonly egress?: Egress | undefined
  /** What tokens may be signed with. */
  readonly algorithms?: readonly string[]
  /** For tests. */
  readonly compile?: CompileExpression
  /** For tests; HTTPS with the issuer's certificate authority where missing. */
  readonly fetchJson?: FetchJson
  /** For tests; where claims lie that are not in the token. */
  readonly fetchText?: FetchText
}

/** Undefined for straight ones. Throws where a way is named that there is not. */
function dialerOf(type: string | undefined, egress: Egress | undefined): Dialer | undefined {
  if (!type) return undefined
  const name = JSON.stringify(type)
  if (egress === undefined) throw new Error(`oidc: egress lookup required with egress selector type ${name}`)
  if (!(type in egress)) throw new Error(`oidc: egress lookup for ${name} is not configured`)
  return egress[type as keyof Egress]
}

type Claims = Readonly<Record<string, unknown>>

export class JwtAuthenticator implements TokenAuthenticator {
  readonly #jwt: JwtIssuer
  readonly #options: JwtOptions
  readonly #keys: IssuerKeys
  readonly #expressions: Expressions
  /** Missing where groups are no claim, the only one that may lie elsewhere. */
  readonly #elsewhere: DistributedClaims | undefined

  /** The configuration must be valid (`validateAuthentication`). */
  constructor(jwt: JwtIssuer, options: JwtOptions) {
    const { url, discoveryURL, certificateAuthority, audiences } = jwt.issuer
    const { clock, algorithms = SIGNING_ALGORITHMS } = options
    const dial = dialerOf(jwt.issuer.egressSelectorType, options.egress)
    const fetchJson = options.fetchJson ?? fetchJsonWith(certificateAuthority, dial)
    const fetchText = options.fetchText ?? fetchTextWith(certificateAuthority, dial)
    this.#jwt = jwt
    this.#options = options
    this.#keys = new IssuerKeys({
      url,
      ...(discoveryURL ? { discoveryURL } : {}),
      fetchJson,
      clock,
      fetched: text => options.metrics?.fetched(url, text),
    })
    const claim = jwt.claimMappings.groups?.claim
    this.#elsewhere = claim
      ? new DistributedClaims({ claim, audiences, algorithms, fetchJson, fetchText, clock })
      : undefined
    this.#expressions = new Expressions(options.compile ?? compileExpression)
  }

  /** Settles when the issuer has said where its keys are. Rejects where it does not. */
  ready(): Promise<void> {
    return this.#keys.ready()
  }

  /** Which audiences the API server has does not matter here: the issuer's tokens have their own, from the configuration. */
  authenticateToken(token: string): Promise<Authentication> | undefined {
    return untrustedIssuer(token) === this.#jwt.issuer.url ? this.#measured(token) : undefined
  }

  async #measured(token: string): Promise<Authentication> {
    const { clock, metrics } = this.#options
    const begun = clock.monotonic()
    let result: 'success' | 'failure' = 'failure'
    try {
      const found = await this.#authenticate(token)
      result = 'success'
      return found
    } finally {
      metrics?.authenticated(this.#jwt.issuer.url, result, clock.monotonic() - begun)
    }
  }

  async #authenticate(token: string): Promise<Authentication> {
    let claims: Claims
    try {
      claims = await this.#keys.verify(token, this.#options.algorithms ?? SIGNING_ALGORITHMS)
      const { url, audiences } = this.#jwt.issuer
      checkClaims(claims, url, audiences, this.#options.clock.now() / 1000)
    } catch (error) {
      throw new InvalidCredentialError(`oidc: verify token: ${messageOf(error)}`)
    }
    try {
      claims = (await this.#elsewhere?.expand(claims).catch(couldNotExpand)) ?? claims
      const user = this.#userOf(claims)
      this.#checkRules(claims, user)
      return { user }
    } catch (error) {
      throw new InvalidCredentialError(`oidc: ${messageOf(error)}`)
    }
  }

  #userOf(claims: Claims): User {
    const { username, groups, uid, extra = [] } = this.#jwt.claimMappings
    const name = this.#name(username, claims)
    const found: Record<string, string[]> = {}
    if (typeof claims.jti === 'string') found[EXTRA.credentialId] = [`JTI=${claims.jti}`]
    for (const { key, valueExpression } of extra) {
      const values = texts(this.#expressions.claims(valueExpression, claims))
      if (values.length > 0) found[key] = values
    }
    const id = this.#uid(uid, claims)
    return {
      name,
      ...(id === undefined ? {} : { uid: id }),
      groups: this.#groups(groups ?? {}, claims),
      ...(Object.keys(found).length === 0 ? {} : { extra: found }),
    }
  }

  #name({ claim, prefix = '', expression }: PrefixedClaim, claims: Claims): string {
    if (expression) {
      const value = this.#expressions.claims(expression, claims)
      if (typeof value !== 'string')
        throw new Error('error evaluating username claim expression: username claim expression must return a string')
      if (value === '') throw new Error('empty username via CEL expression is not allowed')
      return value
    }
    const name = textClaim(claims, claim!, 'username claims')
    if (claim === 'email' && 'email_verified' in claims) {
      if (typeof claims.email_verified !== 'boolean') throw new Error("parse 'email_verified' claim: not a boolean")
      if (!claims.email_verified) throw new Error('email not verified')
    }
    return prefix + name
  }

  #groups({ claim, prefix = '', expression }: PrefixedClaim, claims: Claims): string[] {
    if (expression) return texts(this.#expressions.claims(expression, claims))
    if (!claim || !(claim in claims)) return []
    const value = claims[claim]
    const list = typeof value === 'string' ? [value] : value
    if (!Array.isArray(list) || !list.every(each => typeof each === 'string')) {
      throw new Error(`parse groups claim ${JSON.stringify(claim)}: neither a string nor a list of strings`)
    }
    return list.map(each => prefix + each)
  }

  #uid({ claim, expression }: ClaimOrExpression = {}, claims: Claims): string | undefined {
    if (expression) {
      const value = this.#expressions.claims(expression, claims)
      if (typeof value !== 'string')
        throw new Error('error evaluating uid claim expression: uid claim expression must return a string')
      return value
    }
    return claim ? textClaim(claims, claim, 'uid claim') : undefined
  }

  #checkRules(claims: Claims, user: User): void {
    for (const { claim, requiredValue = '', expression, message } of this.#jwt.claimValidationRules ?? []) {
      if (expression) {
        if (this.#expressions.claims(expression, claims, 'bool') !== true) {
          throw new Error(
            `error evaluating claim validation expression: validation expression '${expression}' failed: ${message ?? ''}`,
          )
        }
      } else if (!(claim! in claims)) throw new Error(`required claim ${claim} not present in ID token`)
      else if (textClaim(claims, claim!, 'claim') !== requiredValue) {
        throw new Error(
          `required claim ${claim} value does not match. Got = ${claims[claim!]}, want = ${requiredValue}`,
        )
      }
    }
    for (const { expression, message } of this.#jwt.userValidationRules ?? []) {
      const input = { username: user.name, uid: user.uid ?? '', groups: user.groups, extra: user.extra ?? {} }
      if (this.#expressions.user(expression, input) !== true) {
        throw new Error(
          `error evaluating user info validation rule: validation expression '${expression}' failed: ${message ?? ''}`,
        )
      }
    }
  }
}

function couldNotExpand(error: unknown): never {
  throw new Error(`could not expand distributed claims: ${(error as Error).message}`)
}

function textClaim(claims: Claims, claim: string, what: string): string {
  if (!(claim in claims)) throw new Error(`parse ${what} ${JSON.stringify(claim)}: claim not present`)
  const value = claims[claim]
  if (typeof value !== 'string') throw new Error(`parse ${what} ${JSON.stringify(claim)}: not a string`)
  return value
}

/** What an expression may answer where several texts are wanted: one, a list, or nothing. */
function texts(value: unknown): string[] {
  if (value === null || value === undefined || value === '') return []
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.every(each => typeof each === 'string')) return value.filter(each => each !== '')
  throw new Error('the expression must return a string or a list of strings')
}

/** Compiled expressions, each once. */
class Expressions {
  readonly #compile: CompileExpression
  readonly #compiled = new Map<string, CompiledExpression>()

  constructor(compile: CompileExpression) {
    this.#compile = compile
  }

  claims(expression: string, claims: Claims, wants: 'any' | 'bool' = 'any'): unknown {
    return this.#ready(expression, 'claims', wants).evaluate(claims)
  }

  user(expression: string, user: unknown): unknown {
    return this.#ready(expression, 'user', 'bool').evaluate(user)
  }

  #ready(expression: string, scope: 'claims' | 'user', wants: 'any' | 'bool'): CompiledExpression {
    const key = `${scope} ${wants} ${expression}`
    let compiled = this.#compiled.get(key)
    if (compiled === undefined) {
      compiled = this.#compile(expression, scope, wants)
      this.#compiled.set(key, compiled)
    }
    return compiled
  }
}
