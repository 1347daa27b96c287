import { generateKeyPair, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '@canopus/base'
import { pemOf, publicKeyBytes, publicKeyOf } from './keys.ts'
import { certificateBytes } from './writing.ts'

/** A certificate and its private key, both PEM. */
export interface CertifiedKey {
  readonly certificate: string
  readonly key: string
}

const SECOND = 1000
export const DAY = 24 * 3600 * SECOND
/** How far back certificates start, so that machines with a slow clock accept them at once. */
export const BACKDATE = 5 * 60 * SECOND

/** A new private key on the curve P-256, in the PEM form that OpenSSL and kubeadm write (`EC PRIVATE KEY`). */
export async function createKey(): Promise<string> {
  const pair = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  return pair.privateKey.export({ type: 'sec1', format: 'pem' }) as string
}

/** What key a certificate has; one on P-256 where nothing is said. `rsa` is for peers that know no other cipher suites. */
export type KeyType = 'ec' | 'rsa'

/** A new RSA key of 2048 bits, in the PEM form that OpenSSL and kubeadm write (`RSA PRIVATE KEY`). */
async function createRsaKey(): Promise<string> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return pair.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string
}

const newKey = (type: KeyType | undefined): Promise<string> => (type === 'rsa' ? createRsaKey() : createKey())

export interface AuthorityOptions {
  commonName: string
  clock: Clock
  keyType?: KeyType
  /** Milliseconds; ten years where missing. */
  validity?: number
}

/** A new self-signed certificate authority. */
export async function createAuthority(options: AuthorityOptions): Promise<CertifiedKey> {
  const key = await newKey(options.keyType)
  const now = options.clock.now()
  const certificate = writeCertificate({
    subject: { commonName: options.commonName, organizations: [] },
    usages: ['digital signature', 'key encipherment', 'cert sign'],
    hosts: [options.commonName],
    isAuthority: true,
    publicKey: publicKeyBytes(publicKeyOf(key)),
    notBefore: now - BACKDATE,
    notAfter: now + (options.validity ?? 3650 * DAY),
    signer: { key },
  })
  return { certificate, key }
}

export interface LeafOptions {
  commonName: string
  organizations?: readonly string[]
  /** Host names and IP addresses that the certificate is valid for. */
  hosts?: readonly string[]
  /** What it may be used for. */
  purposes: readonly ('server auth' | 'client auth')[]
  clock: Clock
  keyType?: KeyType
  /** Milliseconds; one year where missing. Never beyond the authority's own end. */
  validity?: number
}

/** A certificate with a new key, signed by `authority`. */
export async function issueCertificate(authority: CertifiedKey, options: LeafOptions): Promise<CertifiedKey> {
  const key = await newKey(options.keyType)
  const now = options.clock.now()
  const certificate = writeCertificate({
    subject: { commonName: options.commonName, organizations: options.organizations ?? [] },
    usages: ['digital signature', 'key encipherment', ...options.purposes],
    hosts: options.hosts ?? [],
    isAuthority: false,
    publicKey: publicKeyBytes(publicKeyOf(key)),
    notBefore: now - BACKDATE,
    notAfter: now + (options.validity ?? 365 * DAY),
    signer: authority,
  })
  return { certificate, key }
}

export interface CertificateContent {
  subject: { commonName: string; organizations: readonly string[] }
  usages: readonly string[]
  hosts: readonly string[]
  emails?: readonly string[]
  uris?: readonly string[]
  isAuthority: boolean
  /** SubjectPublicKeyInfo. */
  publicKey: Uint8Array
  /** Milliseconds since the epoch. */
  notBefore: number
  notAfter: number
  /** Without a certificate the new one is self-signed. */
  signer: { key: string; certificate?: string }
}

/** Writes and signs one certificate (PEM). Its end is cut to the signer's. */
export function writeCertificate(content: CertificateContent): string {
  const issuer = content.signer.certificate ? new X509Certificate(content.signer.certificate) : undefined
  const notAfter = Math.min(content.notAfter, issuer?.validToDate.getTime() ?? Number.POSITIVE_INFINITY)
  return pemOf('CERTIFICATE', certificateBytes({ ...content, notAfter }, issuer?.raw))
}
