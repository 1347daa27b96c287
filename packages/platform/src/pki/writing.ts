/** Certificates and requests as they are written (RFC 5280, section 4.1; RFC 2986). */
import { createHash, randomBytes } from 'node:crypto'
import { isIPv4 } from 'node:net'
import type { CertificateContent } from './certificate.ts'
import {
  asTag,
  bytesOfBits,
  inTag,
  integer,
  namedBits,
  nothing,
  octets,
  oid,
  sequence,
  setOf,
  text,
  time,
  yes,
} from './der.ts'
import { DerReader, type Value } from './der-reader.ts'
import { publicKeyBytes, publicKeyOf, type SigningKey, signatureOf, signingKey } from './keys.ts'
import { ascii, malformed, splitHosts, splitUsages } from './names.ts'
import { COMMON_NAME, EXTENSION, EXTENSION_REQUEST, ORGANIZATION } from './object-identifiers.ts'
import type { RequestOptions } from './request.ts'

const VERSION = { certificate: 2, request: 0 }

/** One certificate (DER), signed by `issuer` (DER), or by itself where there is none. */
export function certificateBytes(content: CertificateContent, issuer: Buffer | undefined): Buffer {
  const signer = signingKey(content.signer.key)
  const authority = issuer === undefined ? undefined : issuerOf(issuer)
  const subject = subjectName(content.subject)
  const algorithm = algorithmOf(signer)
  const signed = sequence(
    inTag(0, integer(VERSION.certificate)),
    integer(...newSerial()),
    algorithm,
    authority?.subject ?? subject,
    sequence(time(content.notBefore), time(content.notAfter)),
    subject,
    content.publicKey,
    inTag(3, sequence(...extensionsOf(content, authority?.keyIdentifier ?? keyIdentifierOf(content.publicKey)))),
  )
  return sequence(signed, algorithm, bytesOfBits(signatureOf(signer, signed)))
}

/** A request (DER) for a key (PEM), signed by it. */
export function requestBytes(key: string, options: RequestOptions): Buffer {
  const signer = signingKey(key)
  const names = alternativeNames({ hosts: options.hosts ?? [] })
  const wanted = names.length === 0 ? [] : [sequence(oid(EXTENSION_REQUEST), setOf(sequence(...names)))]
  const signed = sequence(
    integer(VERSION.request),
    subjectName({ commonName: options.commonName, organizations: options.organizations ?? [] }),
    publicKeyBytes(publicKeyOf(key)),
    inTag(0, Buffer.concat(wanted)),
  )
  return sequence(signed, algorithmOf(signer), bytesOfBits(signatureOf(signer, signed)))
}

/** How a key signs: RSA with parameters that are null, the others without any. */
function algorithmOf({ oid: identifier, type }: SigningKey): Buffer {
  return type === 'rsa' ? sequence(oid(identifier), nothing()) : sequence(oid(identifier))
}

/** A positive number of 126 bits: unpredictable, and never with a leading zero byte that encoders disagree on. */
function newSerial(): Uint8Array {
  const bytes = Uint8Array.from(randomBytes(16))
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes
}

/** A subject: organizations first, as Go writes subjects, each in a set of its own so that the encoding is canonical. */
function subjectName({ commonName, organizations }: CertificateContent['subject']): Buffer {
  const attribute = (type: string, value: string): Buffer => setOf(sequence(oid(type), text(value)))
  return sequence(
    ...organizations.map(value => attribute(ORGANIZATION, value)),
    ...(commonName === '' ? [] : [attribute(COMMON_NAME, commonName)]),
  )
}

function extension(type: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(type), ...(critical ? [yes()] : []), octets(value))
}

/** The extensions of a certificate. Throws for a usage nobody knows. */
function extensionsOf(content: CertificateContent, issuerKeyIdentifier: Uint8Array): Buffer[] {
  const { bits, extended } = splitUsages(content.usages)
  const { isAuthority } = content
  const own = isAuthority ? octets(keyIdentifierOf(content.publicKey)) : undefined
  return [
    extension(EXTENSION.basicConstraints, sequence(...(isAuthority ? [yes()] : [])), true),
    extension(EXTENSION.authorityKeyIdentifier, sequence(asTag(0, issuerKeyIdentifier))),
    ...(bits === 0 ? [] : [extension(EXTENSION.keyUsage, namedBits(bits), true)]),
    ...(extended.length === 0 ? [] : [extension(EXTENSION.extendedKeyUsage, sequence(...extended.map(oid)))]),
    ...(own === undefined ? [] : [extension(EXTENSION.subjectKeyIdentifier, own)]),
    ...alternativeNames(content),
  ]
}

/** Tags of the names that a certificate may be valid for (RFC 5280, section 4.2.1.6). */
const NAME = { email: 1, dns: 2, uri: 6, address: 7 }

/** The extension with alternative names, or nothing where there are none. */
function alternativeNames(names: Pick<CertificateContent, 'hosts' | 'emails' | 'uris'>): Buffer[] {
  const { dnsNames, addresses } = splitHosts(names.hosts)
  const named = (tag: number, name: string): Buffer => asTag(tag, Buffer.from(ascii(name)))
  const all = [
    ...dnsNames.map(name => named(NAME.dns, name)),
    ...addresses.map(address => asTag(NAME.address, addressBytes(address))),
    ...(names.emails ?? []).map(email => named(NAME.email, email)),
    ...(names.uris ?? []).map(uri => named(NAME.uri, uri)),
  ]
  return all.length === 0 ? [] : [extension(EXTENSION.alternativeNames, sequence(...all))]
}

/** The 4 or 16 bytes of an address. */
function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.').map(Number))
  // As a URL has it: hexadecimal only, however it was written.
  const [before = '', after] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16))
  const [head, tail] = [groups(before), groups(after ?? '')]
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail]
  return Uint8Array.from(all.flatMap(group => [group >> 8, group & 0xff]))
}

/** A short hash of the public key, which ties certificates to their issuer where names are equal. */
export function keyIdentifierOf(publicKey: Uint8Array): Buffer {
  return createHash('sha1').update(publicKey).digest()
}

/** Tags of a certificate's fields: very old ones have no version, and no extensions. */
const FIELD = { version: 0, extensions: 3 }
const CONTEXT_CLASS = 2
const isField = ({ tag }: Value, number: number): boolean => tag.class === CONTEXT_CLASS && tag.tag === number

const valuesIn = (content: Buffer): Value[] => new DerReader(content).rest()

interface Issuer {
  /** DER. */
  readonly subject: Uint8Array
  /** By what its certificate says that its key is known: verifiers compare that, whoever made the authority. */
  readonly keyIdentifier: Uint8Array
}

/** What certificates repeat of the authority's (DER, read before by OpenSSL). */
function issuerOf(certificate: Buffer): Issuer {
  const signed = new DerReader(certificate).sequence('certificate').sequence('tbsCertificate')
  const fields = signed.rest()
  const from = fields[0] !== undefined && isField(fields[0], FIELD.version) ? 1 : 0
  const [, , , , subject, publicKey] = fields.slice(from)
  if (subject === undefined || publicKey === undefined) throw malformed('a certificate lacks fields')
  const extensions = fields.find(each => isField(each, FIELD.extensions))
  const wanted = oid(EXTENSION.subjectKeyIdentifier)
  const own = (extensions === undefined ? [] : valuesIn(valuesIn(extensions.content)[0]!.content))
    .map(({ content }) => valuesIn(content))
    .find(([type]) => wanted.equals(type!.whole))
  // The extension's value is an octet string in an octet string.
  const stated = own && valuesIn(own.at(-1)!.content)[0]!.content
  return { subject: subject.whole, keyIdentifier: stated ?? keyIdentifierOf(publicKey.whole) }
}
