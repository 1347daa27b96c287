import { Nodes, Pods, Secrets } from '@canopus/api'
import type { BoundObjectReference, TokenRequest } from '@canopus/api/authentication/v1'
import type { Secret, ServiceAccount } from '@canopus/api/core/v1'
import {
  badRequestError,
  conflictError,
  type FieldError,
  formatTime,
  internalError,
  invalid,
  invalidError,
  type KubeObject,
  notFoundError,
  type ResourceType,
} from '@canopus/apimachinery'
import { type Clock, type Random, uuid } from '@canopus/base'
import type { ObjectReader, TokenIssuer } from '../security.ts'
import {
  type BoundClaims,
  type KubernetesClaims,
  legacyClaims,
  type ObjectReference,
} from './service-account-claims.ts'
import type { ServiceAccountKeys } from './service-account-keys.ts'
import { serviceAccountUser } from './user.ts'

const SHORTEST_SECONDS = 600
const LONGEST_SECONDS = 2 ** 32
/** What the volume that admission injects asks for; such tokens live a year, for programs that read theirs only once. */
export const PROJECTED_TOKEN_SECONDS = 3607
/** How long a token lives for which nothing else is asked. */
export const DEFAULT_TOKEN_SECONDS = 3600
const EXTENDED_SECONDS = 365 * 24 * 3600

export interface IssuerOptions {
  keys: ServiceAccountKeys
  issuer: string
  /** The API server's own audiences, for requests that name none. */
  audiences: readonly string[]
  /** Tokens live no longer than this, in seconds; as long as asked for where missing. */
  longestSeconds?: number
  /** Whether tokens of the volume that admission injects live a year; true where missing. */
  extendExpiration?: boolean
  /** The feature TokenRequestServiceAccountUIDValidation; true where missing. */
  checksUid?: boolean
  /** How long those live then, in seconds, where that is less than a year. */
  extendedSeconds?: number
  objects: ObjectReader
  clock: Clock
  random: Random
}

/** Issues bound tokens (pkg/registry/core/serviceaccount/storage/token.go). */
export class ServiceAccountTokenIssuer implements TokenIssuer {
  readonly #options: IssuerOptions

  constructor(options: IssuerOptions) {
    this.#options = options
  }

  complete(serviceAccount: ServiceAccount, request: TokenRequest): TokenRequest {
    const { clock, audiences: own } = this.#options
    const { name, namespace, uid } = serviceAccount.metadata
    if (this.#options.checksUid !== false) checkUid(request, serviceAccount)
    const { audiences, expirationSeconds = DEFAULT_TOKEN_SECONDS } = request.spec
    const wrong = checkSeconds(expirationSeconds)
    if (wrong.length > 0) throw invalidError(TOKEN_REQUESTS, wrong)
    return {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { ...request.metadata, name, namespace, uid, creationTimestamp: formatTime(clock.now()) },
      spec: { ...request.spec, audiences: audiences?.length ? audiences : [...own], expirationSeconds },
    } as TokenRequest
  }

  async issue(
    serviceAccount: ServiceAccount,
    request: TokenRequest,
    warn: (text: string) => void = () => {},
  ): Promise<TokenRequest> {
    const {
      keys,
      issuer,
      objects,
      clock,
      random,
      longestSeconds,
      extendExpiration = true,
      extendedSeconds = EXTENDED_SECONDS,
    } = this.#options
    const complete = this.complete(serviceAccount, request)
    const { audiences = [], expirationSeconds: asked = DEFAULT_TOKEN_SECONDS } = complete.spec
    const name = serviceAccount.metadata.name!
    const namespace = serviceAccount.metadata.namespace!
    const bound = await bind(objects, serviceAccount, request.spec.boundObjectRef ?? undefined)
    const seconds = longestSeconds !== undefined && asked > longestSeconds ? longestSeconds : asked
    if (seconds < asked) warn(`requested expiration of ${asked} seconds shortened to ${seconds} seconds`)
    const extended =
      extendExpiration && bound.pod !== undefined && seconds === PROJECTED_TOKEN_SECONDS && this.#isOwn(audiences)
    const now = Math.floor(clock.now() / 1000)
    const claims: BoundClaims = {
      aud: audiences,
      exp: now + (extended ? Math.min(extendedSeconds, EXTENDED_SECONDS) : seconds),
      iat: now,
      iss: issuer,
      jti: uuid(random),
      'kubernetes.io': {
        namespace,
        serviceaccount: { name, uid: serviceAccount.metadata.uid! },
        ...bound,
        ...(extended ? { warnafter: now + seconds } : {}),
      },
      nbf: now,
      sub: serviceAccountUser(namespace, name),
    }
    const token = await keys.sign({ ...claims }).catch(error => {
      throw internalError(`failed to generate token: ${error instanceof Error ? error.message : error}`)
    })
    const expirationTimestamp = new Date((now + seconds) * 1000).toISOString().replace('.000Z', 'Z')
    return {
      ...complete,
      spec: { ...complete.spec, expirationSeconds: seconds },
      status: { token, expirationTimestamp },
    }
  }

  #isOwn(audiences: readonly string[]): boolean {
    return audiences.every(each => this.#options.audiences.includes(each))
  }
}

/** The token of a secret of type `kubernetes.io/service-account-token`, which ends with the secret. */
export function issueLegacyToken(keys: ServiceAccountKeys, account: ServiceAccount, secret: Secret): Promise<string> {
  const { name, uid } = account.metadata
  const namespace = account.metadata.namespace!
  const claims = { namespace, secretName: secret.metadata.name!, serviceAccount: { name: name!, uid: uid! } }
  return keys.sign(legacyClaims(claims, serviceAccountUser(namespace, name!)))
}

const TOKEN_REQUESTS = { group: 'authentication.k8s.io', resource: 'TokenRequest' }

/** Who says which account they mean gets no token of another one by that name. Throws StatusError 409. */
function checkUid({ metadata }: TokenRequest, { metadata: account }: ServiceAccount): void {
  if (!metadata?.uid || metadata.uid === account.uid) return
  throw conflictError(
    { ...TOKEN_REQUESTS, name: account.name! },
    `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${account.uid})`,
  )
}

function checkSeconds(seconds: number): FieldError[] {
  const field = 'spec.expirationSeconds'
  if (seconds < SHORTEST_SECONDS) return [invalid(field, seconds, 'may not specify a duration less than 10 minutes')]
  if (seconds > LONGEST_SECONDS) return [invalid(field, seconds, 'may not specify a duration larger than 2^32 seconds')]
  return []
}

type Binding = Pick<KubernetesClaims, 'pod' | 'secret' | 'node'>

/** Looks the bound object up in the store itself: a token bound to a stale object would be dead at birth. */
async function bind(
  objects: ObjectReader,
  serviceAccount: ServiceAccount,
  ref: BoundObjectReference | undefined,
): Promise<Binding> {
  if (ref === undefined) return {}
  const namespace = serviceAccount.metadata.namespace!
  const kind = ref.apiVersion === 'v1' ? ref.kind : undefined
  if (kind === 'Pod') {
    const pod = await fetchBound(objects, Pods, ref, namespace)
    if (pod.spec?.serviceAccountName !== serviceAccount.metadata.name) {
      throw badRequestError(
        `cannot bind token for serviceaccount ${JSON.stringify(serviceAccount.metadata.name)} to pod running with different serviceaccount name.`,
      )
    }
    checkBoundUid(pod, ref)
    const nodeName = pod.spec?.nodeName
    if (!nodeName) return { pod: referenceTo(pod) }
    const node = objects.get(Nodes, nodeName)
    return { pod: referenceTo(pod), node: node ? referenceTo(node) : { name: nodeName } }
  }
  if (kind === 'Secret') {
    const secret = await fetchBound(objects, Secrets, ref, namespace)
    checkBoundUid(secret, ref)
    return { secret: referenceTo(secret) }
  }
  if (kind === 'Node') {
    const node = await fetchBound(objects, Nodes, ref, undefined)
    checkBoundUid(node, ref)
    return { node: referenceTo(node) }
  }
  const { apiVersion = '' } = ref
  const version = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
  throw badRequestError(`cannot bind token to object of type ${version}, Kind=${ref.kind ?? ''}`)
}

function checkBoundUid(object: KubeObject, ref: BoundObjectReference): void {
  if (!ref.uid || ref.uid === object.metadata.uid) return
  throw conflictError(
    { group: '', resource: ref.kind ?? '', name: ref.name ?? '' },
    `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
  )
}

async function fetchBound<T extends KubeObject>(
  objects: ObjectReader,
  type: ResourceType<T>,
  ref: BoundObjectReference,
  namespace: string | undefined,
): Promise<T> {
  const name = ref.name ?? ''
  const object = await objects.getFresh(type, name, namespace)
  if (object === undefined) throw notFoundError({ group: '', resource: type.plural, name })
  return object
}

const referenceTo = (object: KubeObject): ObjectReference => ({
  name: object.metadata.name!,
  ...(object.metadata.uid === undefined ? {} : { uid: object.metadata.uid }),
})
