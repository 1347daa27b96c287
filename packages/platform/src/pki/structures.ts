import { randomBytes } from 'node:crypto'
import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr'
import { AsnSerializer } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  Attribute,
  Certificate,
  Extensions,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import { BitString, fromBER, Sequence } from 'asn1js'
import type { CertificateContent } from './certificate.ts'
import {
  alternativeNames,
  certificateExtensions,
  decode,
  encode,
  keyIdentifierOf,
  malformed,
  ownKeyIdentifier,
  readExtensions,
  readSubject,
  subjectName,
} from './certificate-fields.ts'
import {
  isPssSignedBy,
  isSignedBy,
  publicKeyBytes,
  publicKeyOf,
  RSA_PSS,
  type SigningKey,
  signatureOf,
  signingKey,
} from './keys.ts'
import type { CertificateRequest, RequestOptions } from './request.ts'

/** How a key signs, as structures say it: RSA with parameters that are null, the others without any. */
function algorithmOf({ oid, type }: SigningKey): AlgorithmIdentifier {
  return new AlgorithmIdentifier({ algorithm: oid, ...(type === 'rsa' && { parameters: null }) })
}

/** One certificate (DER; RFC 5280, section 4.1), signed by `issuer` (DER), or by itself where there is none. */
export function writeCertificate(content: CertificateContent, issuer: Uint8Array | undefined): Buffer {
  const authority = issuer === undefined ? undefined : decode(issuer, Certificate)
  const { publicKey } = content
  const signer = signingKey(content.signer.key)
  const issuerKeyIdentifier = authority === undefined ? keyIdentifierOf(publicKey) : ownKeyIdentifier(authority)
  const subject = subjectName(content.subject)
  const signatureAlgorithm = algorithmOf(signer)
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: newSerial(),
    signature: signatureAlgorithm,
    issuer: authority?.tbsCertificate.subject ?? subject,
    validity: new Validity({ notBefore: new Date(content.notBefore), notAfter: new Date(content.notAfter) }),
    subject,
    subjectPublicKeyInfo: decode(publicKey, SubjectPublicKeyInfo),
    extensions: certificateExtensions({ ...content, issuerKeyIdentifier }),
  })
  const signatureValue = signatureOf(signer, encode(tbsCertificate))
  return encode(new Certificate({ tbsCertificate, signatureAlgorithm, signatureValue }))
}

/** A positive number of 126 bits: unpredictable, and never with a leading zero byte that encoders disagree on. */
function newSerial(): ArrayBuffer {
  const bytes = Uint8Array.from(randomBytes(16))
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.buffer
}

/** The attribute of a request with the extensions that it asks for (RFC 2985, section 5.4.2). */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

/** A request (DER; RFC 2986) for a key (PEM), signed by it. */
export function writeRequest(key: string, options: RequestOptions): Buffer {
  const signer = signingKey(key)
  const names = alternativeNames({ hosts: options.hosts ?? [] })
  const values = [Uint8Array.from(encode(new Extensions(names))).buffer]
  const certificationRequestInfo = new CertificationRequestInfo({
    subject: subjectName({ commonName: options.commonName, organizations: options.organizations ?? [] }),
    subjectPKInfo: decode(publicKeyBytes(publicKeyOf(key)), SubjectPublicKeyInfo),
    attributes: new Attributes(names.length === 0 ? [] : [new Attribute({ type: EXTENSION_REQUEST, values })]),
  })
  const signature = signatureOf(signer, encode(certificationRequestInfo))
  return encode(
    new CertificationRequest({ certificationRequestInfo, signatureAlgorithm: algorithmOf(signer), signature }),
  )
}

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
