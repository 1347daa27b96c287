/** How certificate requests are read (RFC 2986): they come from strangers, so by the library. */
import { isIP } from 'node:net'
import { CertificationRequest } from '@peculiar/asn1-csr'
import { AsnParser, AsnSerializer } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  ExtendedKeyUsage,
  Extensions,
  type GeneralName,
  KeyUsage,
  type Name,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509'
import { BitString, fromBER, Sequence } from 'asn1js'
import { isPssSignedBy, isSignedBy, RSA_PSS } from './keys.ts'
import { type AlternativeNames, ascii, joinUsages, malformed, type Subject, shortAddress } from './names.ts'
import { COMMON_NAME, EXTENSION, EXTENSION_REQUEST, KUBERNETES_UID, ORGANIZATION } from './object-identifiers.ts'
import type { CertificateRequest } from './request.ts'

/** Reads a request (DER). Throws where it is malformed or its signature is not the key's own. */
export async function readRequest(bytes: Uint8Array): Promise<CertificateRequest> {
  const request = decode(bytes, CertificationRequest)
  if (!encodeAround(request).equals(bytes)) throw malformed('not in the form of ASN.1 DER')
  const { subject, subjectPKInfo, attributes } = request.certificationRequestInfo
  const publicKey = encode(subjectPKInfo)
  if (!(await isSigned(request, publicKey))) {
    throw new Error('the signature of the certificate request does not match its key')
  }
  const wanted = attributes.find(({ type }) => type === EXTENSION_REQUEST)?.values[0]
  return {
    subject: readSubject(subject),
    ...readExtensions(wanted === undefined ? new Extensions() : decode(wanted, Extensions)),
    publicKey: new Uint8Array(publicKey),
  }
}

/** The request anew around the bytes that are signed: what is around them has one encoding only. */
function encodeAround(request: CertificationRequest): Buffer {
  const { certificationRequestInfoRaw, signatureAlgorithm, signature } = request
  const content = fromBER(certificationRequestInfoRaw!).result
  const parts = [content, AsnSerializer.toASN(signatureAlgorithm), new BitString({ valueHex: signature })]
  return encode(new Sequence({ value: parts }))
}

async function isSigned(request: CertificationRequest, publicKey: Buffer): Promise<boolean> {
  const content = new Uint8Array(request.certificationRequestInfoRaw!)
  const signature = new Uint8Array(request.signature)
  const { algorithm, parameters } = request.signatureAlgorithm
  if (algorithm !== RSA_PSS) return isSignedBy(publicKey, algorithm, content, signature)
  return isPssSignedBy(publicKey, await pssParameters(parameters ?? new ArrayBuffer(0)), content, signature)
}

/** Hash and salt of RSA-PSS. Throws where the parameters are not in the one form in which the mask is of the same hash. */
async function pssParameters(parameters: ArrayBuffer): Promise<{ hash: string; saltLength: number }> {
  // Loaded where it is needed, which is almost never.
  const { id_mgf1, RsaSaPssParams } = await import('@peculiar/asn1-rsa')
  const { hashAlgorithm, saltLength } = decode(parameters, RsaSaPssParams)
  const hash = new AlgorithmIdentifier({ algorithm: hashAlgorithm.algorithm, parameters: null })
  const mask = new AlgorithmIdentifier({ algorithm: id_mgf1, parameters: Uint8Array.from(encode(hash)).buffer })
  const usual = new RsaSaPssParams({ hashAlgorithm: hash, maskGenAlgorithm: mask, saltLength })
  if (!encode(usual).equals(new Uint8Array(parameters))) throw new Error('unusual parameters of RSA-PSS')
  return { hash: hash.algorithm, saltLength }
}

/** What Kubernetes reads of a subject; where it has several CN the last counts, as in Go. */
function readSubject(name: Name): Subject {
  const subject: Subject = { commonName: '', organizations: [] }
  for (const { type, value } of name.flat()) {
    if (type === COMMON_NAME) subject.commonName = value.toString()
    if (type === ORGANIZATION) subject.organizations.push(value.toString())
    if (type === KUBERNETES_UID) subject.uids = [...(subject.uids ?? []), value.toString()]
  }
  return subject
}

/** What a certificate request asks for by its extensions. Throws where they are malformed. */
function readExtensions(extensions: Extensions): AlternativeNames & { usages: string[] } {
  const values = new Map(extensions.map(({ extnID, extnValue }) => [extnID, extnValue.buffer]))
  const [names, usage, extended] = [EXTENSION.alternativeNames, EXTENSION.keyUsage, EXTENSION.extendedKeyUsage].map(
    id => values.get(id),
  )
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

/** A structure's DER. */
function encode(structure: object): Buffer {
  return Buffer.from(AsnSerializer.serialize(structure))
}

/** Reads exactly one structure. Throws where the bytes are none, or more. */
function decode<T>(bytes: ArrayBuffer | Uint8Array, type: new () => T): T {
  try {
    const { offset, result } = fromBER(bytes)
    if (offset === -1) throw new Error(result.error)
    if (offset !== bytes.byteLength) throw new Error('trailing data')
    return AsnParser.fromASN(result, type) as T
  } catch (error) {
    throw malformed((error as Error).message)
  }
}
