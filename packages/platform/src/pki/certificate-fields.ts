import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { AsnParser, AsnSerializer, OctetString } from '@peculiar/asn1-schema'
import {
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  type Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  KeyUsage,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
} from '@peculiar/asn1-x509'
import { fromBER } from 'asn1js'
import { type AlternativeNames, joinUsages, type Subject, shortAddress, splitHosts, splitUsages } from './names.ts'

const COMMON_NAME = '2.5.4.3'
const ORGANIZATION = '2.5.4.10'

/** A structure's DER. */
export function encode(structure: object): Buffer {
  return Buffer.from(AsnSerializer.serialize(structure))
}

/** Reads exactly one structure. Throws where the bytes are none, or more. */
export function decode<T>(bytes: ArrayBuffer | Uint8Array, type: new () => T): T {
  try {
    const { offset, result } = fromBER(bytes)
    if (offset === -1) throw new Error(result.error)
    if (offset !== bytes.byteLength) throw new Error('trailing data')
    return AsnParser.fromASN(result, type) as T
  } catch (error) {
    throw malformed((error as Error).message)
  }
}

export const malformed = (detail: string): Error => new Error(`malformed: ${detail}`)

/** k8s.io/apimachinery/pkg/apis/asn1 */
const KUBERNETES_UID = '1.3.6.1.4.1.57683.2'

/** A subject: organizations first, as Go writes subjects, each in a set of its own so that the encoding is canonical. */
export function subjectName(subject: { commonName: string; organizations: readonly string[] }): Name {
  const attribute = (type: string, utf8String: string) =>
    new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String }) })])
  return new Name([
    ...subject.organizations.map(value => attribute(ORGANIZATION, value)),
    ...(subject.commonName === '' ? [] : [attribute(COMMON_NAME, subject.commonName)]),
  ])
}

/** What Kubernetes reads of a subject; where it has several CN the last counts, as in Go. */
export function readSubject(name: Name): Subject {
  const subject: Subject = { commonName: '', organizations: [] }
  for (const { type, value } of name.flat()) {
    if (type === COMMON_NAME) subject.commonName = value.toString()
    if (type === ORGANIZATION) subject.organizations.push(value.toString())
    if (type === KUBERNETES_UID) subject.uids = [...(subject.uids ?? []), value.toString()]
  }
  return subject
}

export interface ExtensionFacts {
  readonly isAuthority: boolean
  readonly usages: readonly string[]
  readonly hosts: readonly string[]
  readonly emails?: readonly string[]
  readonly uris?: readonly string[]
  /** SubjectPublicKeyInfo of the certified key. */
  readonly publicKey: Uint8Array
  /** By what the issuer's key is known. */
  readonly issuerKeyIdentifier: Uint8Array
}

const extension = (extnID: string, value: object, critical = false): Extension =>
  new Extension({ extnID, critical, extnValue: new OctetString(encode(value)) })

/** The extensions of a certificate. Throws for a usage nobody knows. */
export function certificateExtensions(facts: ExtensionFacts): Extensions {
  const { bits, extended } = splitUsages(facts.usages)
  const keyIdentifier = new SubjectKeyIdentifier(facts.issuerKeyIdentifier)
  const extensions = [
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: facts.isAuthority }), true),
    extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier })),
  ]
  if (bits !== 0) extensions.push(extension(id_ce_keyUsage, new KeyUsage(bits), true))
  if (extended.length > 0) extensions.push(extension(id_ce_extKeyUsage, new ExtendedKeyUsage(extended)))
  if (facts.isAuthority) {
    extensions.push(extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifierOf(facts.publicKey))))
  }
  return new Extensions([...extensions, ...alternativeNames(facts)])
}

/** The extension with alternative names, or nothing where there are none. */
export function alternativeNames(names: Pick<ExtensionFacts, 'hosts' | 'emails' | 'uris'>): Extension[] {
  const { dnsNames, addresses } = splitHosts(names.hosts)
  const all = [
    ...dnsNames.map(name => new GeneralName({ dNSName: ascii(name) })),
    ...addresses.map(address => new GeneralName({ iPAddress: shortAddress(address) })),
    ...(names.emails ?? []).map(email => new GeneralName({ rfc822Name: ascii(email) })),
    ...(names.uris ?? []).map(uri => new GeneralName({ uniformResourceIdentifier: ascii(uri) })),
  ]
  return all.length === 0 ? [] : [extension(id_ce_subjectAltName, new SubjectAlternativeName(all))]
}

/** The text, where an IA5String can hold it: the library would cut other characters to a byte. */
function ascii(text: string): string {
  if (/[^\0-\x7f]/.test(text)) throw malformed(`${JSON.stringify(text)} cannot be an IA5String`)
  return text
}

/** What a certificate request asks for by its extensions. Throws where they are malformed. */
export function readExtensions(extensions: Extensions): AlternativeNames & { usages: string[] } {
  const values = new Map(extensions.map(({ extnID, extnValue }) => [extnID, extnValue.buffer]))
  const [names, usage, extended] = [id_ce_subjectAltName, id_ce_keyUsage, id_ce_extKeyUsage].map(id => values.get(id))
  return {
    ...readAlternativeNames(names === undefined ? [] : decode(names, SubjectAlternativeName)),
    usages: joinUsages(
      usage === undefined ? 0 : decode(usage, KeyUsage).toNumber(),
      extended === undefined ? [] : decode(extended, ExtendedKeyUsage),
    ),
  }
}

function readAlternativeNames(names: readonly GeneralName[]): AlternativeNames {
  const found: AlternativeNames = { dnsNames: [], addresses: [], emails: [], uris: [] }
  for (const { dNSName, iPAddress, rfc822Name, uniformResourceIdentifier } of names) {
    if (dNSName !== undefined) found.dnsNames.push(ascii(dNSName))
    if (rfc822Name !== undefined) found.emails.push(ascii(rfc822Name))
    if (uniformResourceIdentifier !== undefined) found.uris.push(ascii(uniformResourceIdentifier))
    // As a name an address is 4 or 16 bytes; the library also reads those with a mask.
    if (iPAddress !== undefined && isIP(iPAddress) === 0) throw malformed(`${iPAddress} is no IP address`)
    if (iPAddress !== undefined) found.addresses.push(shortAddress(iPAddress))
  }
  return found
}

/** A short hash of the public key, which ties certificates to their issuer where names are equal. */
export function keyIdentifierOf(publicKey: Uint8Array): Buffer {
  return createHash('sha1').update(publicKey).digest()
}

/** By what an authority's certificate says that its key is known: verifiers compare that, whoever made the authority. */
export function ownKeyIdentifier({ tbsCertificate }: Certificate): Uint8Array {
  const own = tbsCertificate.extensions?.find(({ extnID }) => extnID === id_ce_subjectKeyIdentifier)
  if (own === undefined) return keyIdentifierOf(encode(tbsCertificate.subjectPublicKeyInfo))
  return new Uint8Array(decode(own.extnValue.buffer, SubjectKeyIdentifier).buffer)
}
