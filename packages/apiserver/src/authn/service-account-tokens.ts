import { Nodes, Pods, Secrets, ServiceAccounts } from '@canopus/api'
import type { Secret, ServiceAccount } from '@canopus/api/core/v1'
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import { type Clock, LruCache } from '@canopus/base'
import type { Authentication, Maybe, ObjectReader, User } from '../security.ts'
import type { Annotate, TokenAuthenticator } from './bearer.ts'
import { InvalidCredentialError } from './client-certificate.ts'
import {
  type BoundClaims,
  LEGACY_ISSUER,
  type LegacyClaims,
  type ObjectReference,
  readBoundClaims,
  readLegacyClaims,
} from './service-account-claims.ts'
import type { ServiceAccountKeys } from './service-account-keys.ts'
import type { TokenUses } from './token-uses.ts'
import { unverifiedClaims } from './unverified-token.ts'
import { EXTRA, serviceAccountGroups, serviceAccountUser, then } from './user.ts'

export interface ServiceAccountTokenOptions {
  keys: ServiceAccountKeys
  /** Issuers whose tokens are accepted. */
  issuers: readonly string[]
  /** The API server's own audiences. */
  audiences: readonly string[]
  objects: ObjectReader
  clock: Clock
  uses: TokenUses
}

/** How long an object that is being deleted still holds up its tokens (upstream jwt.DefaultLeeway). */
const LEEWAY = 60_000
/** Signatures remembered; each costs about 2 KB. */
const REMEMBERED = 4096

type Claims = { kind: 'bound'; claims: BoundClaims; user: User } | { kind: 'legacy'; claims: LegacyClaims; user: User }

/**
 * Service-account tokens, bound and legacy. A signature is checked once per token and remembered; dates, audience and whether
 * the account and the bound object are still there are looked at every time, in the caches, so that a token dies with them.
 */
export class ServiceAccountTokens implements TokenAuthenticator {
  readonly #options: ServiceAccountTokenOptions
  #generation: number | undefined
  readonly #verified = new LruCache<string, Claims>({ capacity: REMEMBERED })

  constructor(options: ServiceAccountTokenOptions) {
    this.#options = options
  }

  authenticateToken(
    token: string,
    audiences: readonly string[],
    annotate?: Annotate,
  ): Maybe<Authentication | undefined> {
    const { generation } = this.#options.keys
    if (generation !== this.#generation) {
      this.#generation = generation
      this.#verified.clear()
    }
    const known = this.#verified.get(token)
    if (known !== undefined) return this.#accept(token, known, audiences, annotate)
    const issuer = issuerOf(token)
    if (issuer === undefined || !(issuer === LEGACY_ISSUER || this.#options.issuers.includes(issuer))) return undefined
    return this.#verify(token).then(claims => this.#accept(token, claims, audiences, annotate))
  }

  async #verify(token: string): Promise<Claims> {
    let payload: Record<string, unknown>
    try {
      payload = await this.#options.keys.verify(token)
    } catch (error) {
      throw new InvalidCredentialError(`invalid service account token: ${String(error)}`)
    }
    const claims = describe(payload)
    if (claims === undefined) throw new InvalidCredentialError('service account token claims could not be read')
    this.#verified.set(token, claims)
    return claims
  }

  #accept(token: string, known: Claims, audiences: readonly string[], annotate?: Annotate): Maybe<Authentication> {
    const { uses } = this.#options
    if (known.kind === 'bound') this.#checkDates(known.claims)
    else {
      annotate?.('authentication.k8s.io/legacy-token', known.user.name)
      uses.legacy.add()
    }
    const valid = known.kind === 'bound' ? known.claims.aud : this.#options.audiences
    const common = audiences.filter(each => valid.includes(each))
    if (common.length === 0) {
      throw new InvalidCredentialError(
        `token audiences ${quoted(valid)} is invalid for the target audiences ${quoted(audiences)}`,
      )
    }
    const authentication = { user: known.user, audiences: common }
    if (known.kind === 'legacy') {
      return then(this.#find(legacyNeeds(known.claims, token)), async ([account, secret]) => {
        const warnings = await uses.noteLegacy(secret as Secret, account as ServiceAccount, annotate)
        return warnings.length === 0 ? authentication : { ...authentication, warnings }
      })
    }
    return then(this.#find(boundNeeds(known.claims)), () => {
      this.#remark(known.claims, annotate)
      return authentication
    })
  }

  /** Who still uses a token of a volume though it should have been renewed (pkg/serviceaccount/claims.go). */
  #remark(claims: BoundClaims, annotate?: Annotate): void {
    const { warnafter } = claims['kubernetes.io']
    if (!warnafter) return
    const { clock, uses } = this.#options
    const late = Math.floor(clock.now() / 1000) - warnafter
    if (late <= 0) {
      uses.valid.add()
      return
    }
    uses.stale.add()
    const text = `subject: ${claims.sub}, seconds after warning threshold: ${late}`
    annotate?.('authentication.k8s.io/stale-token', text)
  }

  #checkDates(claims: BoundClaims): void {
    const now = this.#options.clock.now() / 1000
    if (now >= claims.exp) throw new InvalidCredentialError('service account token has expired')
    if (now < claims.nbf - LEEWAY / 1000) throw new InvalidCredentialError('service account token is not valid yet')
  }

  /** What must be there, in this order. Throws InvalidCredentialError where something is not. */
  #find(needs: readonly Need[]): Maybe<readonly KubeObject[]> {
    const found = needs.map(({ type, name, namespace }) => this.#options.objects.get(type, name, namespace))
    if (needs.every((need, index) => this.#lives(need, found[index]))) return found as KubeObject[]
    return Promise.all(needs.map((need, index) => this.#lookAgain(need, found[index])))
  }

  /** The cache may be some milliseconds behind a token that was just issued. */
  async #lookAgain(need: Need, cached: KubeObject | undefined): Promise<KubeObject> {
    if (this.#lives(need, cached)) return cached
    const fresh = await this.#options.objects.getFresh(need.type, need.name, need.namespace)
    if (this.#lives(need, fresh)) return fresh
    throw new InvalidCredentialError('service account token has been invalidated')
  }

  #lives(need: Need, object: KubeObject | undefined): object is KubeObject {
    if (object === undefined) return false
    const deleted = object.metadata.deletionTimestamp
    if (deleted !== undefined && Date.parse(deleted) < this.#options.clock.now() - LEEWAY) return false
    return (need.uid === undefined || need.uid === object.metadata.uid) && (need.holds?.(object) ?? true)
  }
}

/** An object that must be there for a token to be good. */
interface Need {
  type: ResourceType
  name: string
  namespace?: string
  uid?: string
  holds?(object: KubeObject): boolean
}

function boundNeeds(claims: BoundClaims): Need[] {
  const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io']
  const needs: Need[] = [{ type: ServiceAccounts, namespace, ...serviceaccount }]
  if (pod !== undefined) needs.push({ type: Pods, namespace, ...pod })
  if (secret !== undefined) needs.push({ type: Secrets, namespace, ...secret })
  if (node !== undefined && pod === undefined) needs.push({ type: Nodes, ...node })
  return needs
}

function legacyNeeds(claims: LegacyClaims, token: string): Need[] {
  const { namespace, serviceAccount, secretName } = claims
  const isThere = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp === undefined
  const holds = (secret: Secret): boolean =>
    isThere(secret) && secret.data?.token === Buffer.from(token).toString('base64')
  return [
    { type: ServiceAccounts, namespace, ...serviceAccount, holds: isThere },
    { type: Secrets, namespace, name: secretName, holds },
  ]
}

const quoted = (list: readonly string[]): string => `[${list.map(each => JSON.stringify(each)).join(' ')}]`

/** Reads the issuer without trusting anything, to tell these tokens from other kinds. */
function issuerOf(token: string): string | undefined {
  const issuer = unverifiedClaims(token)?.iss
  return typeof issuer === 'string' ? issuer : undefined
}

function describe(payload: Record<string, unknown>): Claims | undefined {
  const legacy = readLegacyClaims(payload)
  if (legacy !== undefined) {
    const user = userOf(legacy.namespace, legacy.serviceAccount, {})
    return { kind: 'legacy', claims: legacy, user }
  }
  try {
    const claims = readBoundClaims(payload)
    if (claims === undefined) return undefined
    const { namespace, serviceaccount, pod, node } = claims['kubernetes.io']
    if (claims.sub !== serviceAccountUser(namespace, serviceaccount.name)) return undefined
    const extra: Record<string, string[]> = {}
    if (claims.jti !== undefined) extra[EXTRA.credentialId] = [`JTI=${claims.jti}`]
    if (node !== undefined) {
      extra[EXTRA.nodeName] = [node.name]
      if (node.uid !== undefined) extra[EXTRA.nodeUid] = [node.uid]
    }
    if (pod !== undefined) {
      extra[EXTRA.podName] = [pod.name]
      if (pod.uid !== undefined) extra[EXTRA.podUid] = [pod.uid]
    }
    return { kind: 'bound', claims, user: userOf(namespace, serviceaccount, extra) }
  } catch {
    return undefined
  }
}

function userOf(namespace: string, account: ObjectReference, extra: Record<string, string[]>): User {
  return {
    name: serviceAccountUser(namespace, account.name),
    ...(account.uid === undefined ? {} : { uid: account.uid }),
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  }
}
