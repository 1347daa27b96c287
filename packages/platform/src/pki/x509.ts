import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto'
import type { Name } from '@peculiar/x509'

type X509 = typeof import('@peculiar/x509')

let loaded: Promise<X509> | undefined

/** The certificate library. Loaded at the first certificate made, since the import alone costs a tenth of a second. */
export function x509(): Promise<X509> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<X509> {
  await import('reflect-metadata')
  const library = await import('@peculiar/x509')
  library.cryptoProvider.set(webcrypto as Crypto)
  return library
}

type Algorithm = { name: 'ECDSA'; namedCurve: string; hash: string } | { name: 'RSASSA-PKCS1-v1_5'; hash: string }

const CURVES: Readonly<Record<string, { namedCurve: string; hash: string }>> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { namedCurve: 'P-521', hash: 'SHA-512' },
}

/** How a key signs: by its curve, or RSA with SHA-256. Throws for kinds of keys that cannot sign certificates here. */
export function signatureAlgorithm(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const curve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (key.asymmetricKeyType === 'ec' && curve !== undefined) return { name: 'ECDSA', ...curve }
  throw new Error(`keys of type ${key.asymmetricKeyType} cannot be used here: use ECDSA or RSA`)
}

/** A private key (PEM) as the certificate library takes it. */
export async function signingKey(pem: string): Promise<{ key: CryptoKey; algorithm: Algorithm }> {
  const key = createPrivateKey(pem)
  const algorithm = signatureAlgorithm(key)
  const der = key.export({ type: 'pkcs8', format: 'der' })
  return {
    key: (await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])) as CryptoKey,
    algorithm,
  }
}

/**
 * A subject as the certificate library takes it: organizations first, as Go writes subjects, each in a set of its own so
 * that the encoding is canonical. Values are given with their type: plain strings would be searched for quotes and `#`.
 */
export async function distinguishedName(subject: {
  commonName: string
  organizations: readonly string[]
}): Promise<Name> {
  const library = await x509()
  return new library.Name([
    ...subject.organizations.map(utf8String => ({ O: [{ utf8String }] })),
    ...(subject.commonName === '' ? [] : [{ CN: [{ utf8String: subject.commonName }] }]),
  ])
}

/** The public key of a private key, certificate or public key in PEM. */
export function publicKeyOf(pem: string): KeyObject {
  return createPublicKey(pem)
}

/** The public key's DER (SubjectPublicKeyInfo): equal for equal keys. */
export function publicKeyBytes(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}
