import { isObject } from '@canopus/apimachinery'

/** What a token says of the object it is bound to. */
export interface ObjectReference {
  name: string
  uid?: string
}

/** The part of a token's claims that is Kubernetes' own (upstream pkg/serviceaccount/claims.go). */
export interface KubernetesClaims {
  namespace: string
  serviceaccount: ObjectReference
  pod?: ObjectReference
  secret?: ObjectReference
  node?: ObjectReference
  /** Seconds; from here on the token is used beyond the time that was asked for. */
  warnafter?: number
}

/** A bound token's claims. Times are seconds since the epoch. */
export interface BoundClaims {
  aud: string[]
  exp: number
  iat: number
  nbf: number
  iss: string
  sub: string
  jti?: string
  'kubernetes.io': KubernetesClaims
}

/** Reads the claims of a bound token; `undefined` where they are of another form (legacy tokens). Throws for malformed ones. */
export function readBoundClaims(claims: Record<string, unknown>): BoundClaims | undefined {
  const kubernetes = claims['kubernetes.io']
  if (kubernetes === undefined) return undefined
  const { aud, exp, iat, nbf, iss, sub, jti } = claims
  if (!isObject(kubernetes) || typeof kubernetes.namespace !== 'string') throw new Error('malformed claims')
  const serviceaccount = reference(kubernetes.serviceaccount)
  if (serviceaccount === undefined || typeof exp !== 'number' || typeof iss !== 'string' || typeof sub !== 'string') {
    throw new Error('malformed claims')
  }
  return {
    aud: (Array.isArray(aud) ? aud : [aud]).filter(each => typeof each === 'string'),
    exp,
    iat: typeof iat === 'number' ? iat : 0,
    nbf: typeof nbf === 'number' ? nbf : 0,
    iss,
    sub,
    ...(typeof jti === 'string' ? { jti } : {}),
    'kubernetes.io': {
      namespace: kubernetes.namespace,
      serviceaccount,
      ...optional('pod', reference(kubernetes.pod)),
      ...optional('secret', reference(kubernetes.secret)),
      ...optional('node', reference(kubernetes.node)),
      ...optional('warnafter', typeof kubernetes.warnafter === 'number' ? kubernetes.warnafter : undefined),
    },
  }
}

/** Claims of a token that lives in a secret and never ends (type `kubernetes.io/service-account-token`). */
export interface LegacyClaims {
  namespace: string
  secretName: string
  serviceAccount: ObjectReference
}

const LEGACY = 'kubernetes.io/serviceaccount/'
export const LEGACY_ISSUER = 'kubernetes/serviceaccount'

export function readLegacyClaims(claims: Record<string, unknown>): LegacyClaims | undefined {
  const [namespace, secretName, name, uid] = [
    'namespace',
    'secret.name',
    'service-account.name',
    'service-account.uid',
  ].map(key => claims[LEGACY + key])
  if (claims.iss !== LEGACY_ISSUER || typeof namespace !== 'string' || typeof secretName !== 'string') return undefined
  if (typeof name !== 'string' || typeof uid !== 'string') return undefined
  return { namespace, secretName, serviceAccount: { name, uid } }
}

export function legacyClaims(of: LegacyClaims, subject: string): Record<string, unknown> {
  return {
    iss: LEGACY_ISSUER,
    sub: subject,
    [`${LEGACY}namespace`]: of.namespace,
    [`${LEGACY}secret.name`]: of.secretName,
    [`${LEGACY}service-account.name`]: of.serviceAccount.name,
    [`${LEGACY}service-account.uid`]: of.serviceAccount.uid,
  }
}

function reference(value: unknown): ObjectReference | undefined {
  if (!isObject(value) || typeof value.name !== 'string') return undefined
  return { name: value.name, ...(typeof value.uid === 'string' ? { uid: value.uid } : {}) }
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: V })
}
