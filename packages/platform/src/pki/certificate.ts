import { createHash, generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '@canopus/base'
import type { Extension } from '@peculiar/x509'
import { splitHosts, splitUsages } from './names.ts'
import { distinguishedName, publicKeyBytes, publicKeyOf, signingKey, x509 } from './x509.ts'

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

export interface AuthorityOptions {
  commonName: string
  clock: Clock
  /** Milliseconds; ten years where missing. */
  validity?: number
}

/** A new self-signed certificate authority. */
export async function createAuthority(options: AuthorityOptions): Promise<CertifiedKey> {
  const key = await createKey()
  const now = options.clock.now()
  const certificate = await writeCertificate({
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
  /** Milliseconds; one year where missing. Never beyond the authority's own end. */
  validity?: number
}

/** A certificate with a new key, signed by `authority`. */
export async function issueCertificate(authority: CertifiedKey, options: LeafOptions): Promise<CertifiedKey> {
  const key = await createKey()
  const now = options.clock.now()
  const certificate = await writeCertificate({
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
export async function writeCertificate(content: CertificateContent): Promise<string> {
  const library = await x509()
  const issuer = content.signer.certificate ? new library.X509Certificate(content.signer.certificate) : undefined
  const end = Math.min(content.notAfter, issuer?.notAfter.getTime() ?? Number.POSITIVE_INFINITY)
  const { key, algorithm } = await signingKey(content.signer.key)
  const subject = await distinguishedName(content.subject)
  const issuerKey = issuer === undefined ? content.publicKey : new Uint8Array(issuer.publicKey.rawData)
  const certificate = await library.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject,
    issuer: issuer?.subjectName ?? subject,
    notBefore: new Date(wholeSeconds(content.notBefore)),
    notAfter: new Date(wholeSeconds(end)),
    publicKey: new library.PublicKey(Uint8Array.from(content.publicKey)),
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: await extensionsOf(content, issuerKey),
  })
  return `${certificate.toString('pem')}\n`
}

async function extensionsOf(content: CertificateContent, issuerKey: Uint8Array): Promise<Extension[]> {
  const library = await x509()
  const { bits, extended } = splitUsages(content.usages)
  const extensions: Extension[] = [
    new library.BasicConstraintsExtension(content.isAuthority, undefined, true),
    new library.AuthorityKeyIdentifierExtension(keyIdentifier(issuerKey)),
  ]
  if (bits !== 0) extensions.push(new library.KeyUsagesExtension(bits, true))
  if (extended.length > 0) extensions.push(new library.ExtendedKeyUsageExtension(extended))
  if (content.isAuthority) extensions.push(new library.SubjectKeyIdentifierExtension(keyIdentifier(content.publicKey)))
  const names = alternativeNames(content)
  if (names.length > 0) extensions.push(new library.SubjectAlternativeNameExtension(names))
  return extensions
}

type AlternativeName = { type: 'dns' | 'ip' | 'email' | 'url'; value: string }

function alternativeNames(content: CertificateContent): AlternativeName[] {
  const { dnsNames, addresses } = splitHosts(content.hosts)
  return [
    ...dnsNames.map(value => ({ type: 'dns' as const, value })),
    ...addresses.map(value => ({ type: 'ip' as const, value })),
    ...(content.emails ?? []).map(value => ({ type: 'email' as const, value })),
    ...(content.uris ?? []).map(value => ({ type: 'url' as const, value })),
  ]
}

/** A short hash of the public key, which ties certificates to their issuer where names are equal. */
function keyIdentifier(publicKey: Uint8Array): string {
  return createHash('sha1').update(publicKey).digest('hex')
}

/** A positive number of 126 bits: unpredictable, and never with a leading zero byte that encoders disagree on. */
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.toString('hex')
}

const wholeSeconds = (time: number): number => Math.floor(time / SECOND) * SECOND
