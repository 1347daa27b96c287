import { constants, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** Algorithms that sign certificates and requests: by object identifier, with their hash; Ed25519 has its own. */
const ALGORITHMS: Readonly<Record<string, { type: string; hash: string | null }>> = {
  '1.2.840.10045.4.1': { type: 'ec', hash: 'sha1' },
  '1.2.840.10045.4.3.2': { type: 'ec', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { type: 'ec', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { type: 'ec', hash: 'sha512' },
  '1.2.840.113549.1.1.5': { type: 'rsa', hash: 'sha1' },
  '1.2.840.113549.1.1.11': { type: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { type: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { type: 'rsa', hash: 'sha512' },
  '1.3.101.112': { type: 'ed25519', hash: null },
}

/** RSA-PSS says in its parameters with which hash. */
export const RSA_PSS = '1.2.840.113549.1.1.10'

const HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

const HASH_OF_CURVE: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
}

/** A private key and how it signs. */
export interface SigningKey {
  readonly key: KeyObject
  /** Object identifier of the algorithm. */
  readonly oid: string
  readonly type: string
  readonly hash: string
}

/** A key (PEM) signs by its curve, or RSA with SHA-256. Throws for kinds of keys that cannot sign certificates here. */
export function signingKey(pem: string): SigningKey {
  const key = createPrivateKey(pem)
  const type = key.asymmetricKeyType
  const hash = type === 'rsa' ? 'sha256' : HASH_OF_CURVE[key.asymmetricKeyDetails?.namedCurve ?? '']
  const oid = Object.keys(ALGORITHMS).find(each => ALGORITHMS[each]!.type === type && ALGORITHMS[each]!.hash === hash)
  if (type === undefined || hash === undefined || oid === undefined) {
    throw new Error(`keys of type ${type} cannot be used here: use ECDSA or RSA`)
  }
  return { key, oid, type, hash }
}

/** The key's signature over bytes. */
export function signatureOf({ key, hash }: SigningKey, bytes: Uint8Array): Uint8Array {
  return sign(hash, bytes, key)
}

const publicKeyFrom = (bytes: Buffer): KeyObject => createPublicKey({ key: bytes, format: 'der', type: 'spki' })

/** Whether a signature over `bytes` is that of a public key (DER). Throws for algorithms that are not known here. */
export function isSignedBy(publicKey: Buffer, oid: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = publicKeyFrom(publicKey)
  const known = ALGORITHMS[oid]
  if (known === undefined) throw new Error(`signature algorithm ${oid} is not supported`)
  return key.asymmetricKeyType === known.type && verify(known.hash, bytes, key, signature)
}

/** The same for RSA-PSS, with the object identifier of the hash and how much salt there is (RFC 4055, section 3.1). */
export function isPssSignedBy(
  publicKey: Buffer,
  parameters: { hash: string; saltLength: number },
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = publicKeyFrom(publicKey)
  const hash = HASHES[parameters.hash]
  if (hash === undefined || !key.asymmetricKeyType?.startsWith('rsa')) return false
  const { saltLength } = parameters
  return verify(hash, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
}

/** The public key of a private key, certificate or public key in PEM. */
export function publicKeyOf(pem: string): KeyObject {
  return createPublicKey(pem)
}

/** The public key's DER (SubjectPublicKeyInfo): equal for equal keys. */
export function publicKeyBytes(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

/** Bytes as PEM, in lines of 64 characters. */
export function pemOf(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
