import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'

/** The key that signs service-account tokens and the keys with which tokens are checked. */
export interface ServiceAccountKeys {
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>
  /** The claims of a token with a good signature. Throws for any other. Says nothing of dates and audiences. */
  verify(token: string): Promise<Record<string, unknown>>
  /** The public keys as a JSON Web Key Set. */
  keySet(): Promise<{ keys: Record<string, unknown>[] }>
  readonly algorithms: readonly string[]
  /** Grows when keys come or go, after which no token counts as verified any more; never where missing. */
  readonly generation?: number
  /** For how many seconds others may remember `keySet`; an hour where missing. */
  maxAge?(): number
}

/** What tokens may be signed with. */
export const SIGNATURE_ALGORITHMS: readonly string[] = ['ES256', 'ES384', 'ES512', 'RS256']

interface Key {
  id: string
  algorithm: string
  publicKey: KeyObject
}

/**
 * `privateKey` (PEM) signs. Tokens of `otherPublicKeys` (PEM) are accepted too, so that keys can be rotated and clusters
 * moved. ECDSA keys sign as ES256 and its longer kin, RSA keys as RS256.
 */
export function serviceAccountKeys(privateKey: string, otherPublicKeys: readonly string[] = []): ServiceAccountKeys {
  const signingKey = createPrivateKey(privateKey)
  const own = describe(createPublicKey(signingKey))
  const keys = new Map([own, ...otherPublicKeys.map(pem => describe(createPublicKey(pem)))].map(key => [key.id, key]))
  const find = (id: string | undefined): Key => {
    const key = id === undefined ? own : keys.get(id)
    if (key === undefined) throw new Error('the token is signed by an unknown key')
    return key
  }
  return {
    algorithms: [...new Set([...keys.values()].map(key => key.algorithm))],
    async sign(claims) {
      const { SignJWT } = await import('jose')
      return new SignJWT({ ...claims }).setProtectedHeader({ alg: own.algorithm, kid: own.id }).sign(signingKey)
    },
    async verify(token) {
      const { compactVerify } = await import('jose')
      const { payload } = await compactVerify(
        token,
        ({ kid, alg }) => {
          const key = find(kid)
          if (key.algorithm !== alg) throw new Error(`the token's algorithm is ${alg}, its key's ${key.algorithm}`)
          return key.publicKey
        },
        { algorithms: [...SIGNATURE_ALGORITHMS] },
      )
      return JSON.parse(Buffer.from(payload).toString('utf8'))
    },
    keySet: () => jsonWebKeys([...keys.values()]),
  }
}

export async function jsonWebKeys(keys: readonly Key[]): Promise<{ keys: Record<string, unknown>[] }> {
  const { exportJWK } = await import('jose')
  const list = keys.map(async key => ({
    use: 'sig',
    kid: key.id,
    alg: key.algorithm,
    ...(await exportJWK(key.publicKey)),
  }))
  return { keys: await Promise.all(list) }
}

/** The id is the hash of the public key, as upstream derives it (pkg/serviceaccount/jwt.go keyIDFromPublicKey). */
function describe(publicKey: KeyObject): Key {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return { id: createHash('sha256').update(der).digest('base64url'), algorithm: algorithmOf(publicKey), publicKey }
}

/** What the key signs with. Throws where nothing that tokens may have. */
export function algorithmOf(key: KeyObject): string {
  const curves: Record<string, string> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
  const algorithm = key.asymmetricKeyType === 'rsa' ? 'RS256' : curves[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (algorithm === undefined)
    throw new Error(`service-account keys must be RSA or ECDSA, not ${key.asymmetricKeyType}`)
  return algorithm
}
