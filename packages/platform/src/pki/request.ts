import type { Clock } from '@canopus/base'
import type { Pkcs10CertificateRequest } from '@peculiar/x509'
import { BACKDATE, type CertifiedKey, writeCertificate } from './certificate.ts'
import { type AlternativeNames, joinUsages, type Subject, splitHosts, splitUsages } from './names.ts'
import { parseCertificate } from './parse.ts'
import { distinguishedName, publicKeyBytes, publicKeyOf, signingKey, x509 } from './x509.ts'

/** A certificate signing request (PKCS#10), read and with its signature checked. */
export interface CertificateRequest extends AlternativeNames {
  subject: Subject
  /** Usages that the request asks for; empty where it says nothing. */
  usages: string[]
  /** SubjectPublicKeyInfo of the key to be certified. */
  publicKey: Uint8Array
}

/** Reads a request (PEM, `CERTIFICATE REQUEST`). Throws where it is malformed or its signature is not the key's own. */
export async function parseCertificateRequest(pem: string): Promise<CertificateRequest> {
  const library = await x509()
  if (!/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(pem))
    throw new Error('PEM block type must be CERTIFICATE REQUEST')
  const request = new library.Pkcs10CertificateRequest(pem)
  if (!(await request.verify())) throw new Error('the signature of the certificate request does not match its key')
  const names = namesOf(library, request)
  const keyUsage = request.getExtension('2.5.29.15') as { usages?: number } | null
  const extended = request.getExtension('2.5.29.37') as { usages?: string[] } | null
  return {
    subject: {
      commonName: request.subjectName.getField('CN').at(-1) ?? '',
      organizations: request.subjectName.getField('O'),
    },
    ...names,
    usages: joinUsages(keyUsage?.usages ?? 0, extended?.usages ?? []),
    publicKey: new Uint8Array(request.publicKey.rawData),
  }
}

function namesOf(library: Awaited<ReturnType<typeof x509>>, request: Pkcs10CertificateRequest): AlternativeNames {
  const found: AlternativeNames = { dnsNames: [], addresses: [], emails: [], uris: [] }
  const extension = request.getExtension('2.5.29.17')
  if (!(extension instanceof library.SubjectAlternativeNameExtension)) return found
  for (const { type, value } of extension.names.items) {
    if (type === 'dns') found.dnsNames.push(value)
    else if (type === 'ip') found.addresses.push(value)
    else if (type === 'email') found.emails.push(value)
    else if (type === 'url') found.uris.push(value)
  }
  return found
}

export interface RequestOptions {
  commonName: string
  organizations?: readonly string[]
  hosts?: readonly string[]
}

/** Makes a request (PEM) for the key (PEM), as a kubelet does to get its certificates. */
export async function createCertificateRequest(key: string, options: RequestOptions): Promise<string> {
  const library = await x509()
  const { dnsNames, addresses } = splitHosts(options.hosts ?? [])
  const names = [
    ...dnsNames.map(value => ({ type: 'dns' as const, value })),
    ...addresses.map(value => ({ type: 'ip' as const, value })),
  ]
  const { key: privateKey, algorithm } = await signingKey(key)
  const der = Uint8Array.from(publicKeyBytes(publicKeyOf(key)))
  const publicKey = (await crypto.subtle.importKey('spki', der, algorithm, true, ['verify'])) as CryptoKey
  const request = await library.Pkcs10CertificateRequestGenerator.create({
    name: await distinguishedName({ commonName: options.commonName, organizations: options.organizations ?? [] }),
    keys: { privateKey, publicKey },
    signingAlgorithm: algorithm,
    extensions: names.length > 0 ? [new library.SubjectAlternativeNameExtension(names)] : [],
  })
  return `${request.toString('pem')}\n`
}

export interface SigningPolicy {
  /** Names as in certificates.k8s.io. */
  usages: readonly string[]
  /** Milliseconds. */
  validity: number
  clock: Clock
}

/**
 * Certifies a request as its subject and names stand, for the usages of the policy; the end is cut to the authority's. As
 * upstream (pkg/controller/certificates/authority/policies.go) the start lies five minutes back, and lifetimes under eight
 * hours count from there. Throws where the authority itself has expired.
 */
export async function signCertificateRequest(
  authority: CertifiedKey,
  request: CertificateRequest,
  policy: SigningPolicy,
): Promise<string> {
  const now = policy.clock.now()
  if (parseCertificate(authority.certificate).notAfter <= now) {
    throw new Error('refusing to sign a certificate that expired in the past: the authority has expired')
  }
  splitUsages(policy.usages)
  const notBefore = now - BACKDATE
  return writeCertificate({
    subject: request.subject,
    usages: policy.usages,
    hosts: [...request.dnsNames, ...request.addresses],
    emails: request.emails,
    uris: request.uris,
    isAuthority: false,
    publicKey: request.publicKey,
    notBefore,
    notAfter: (policy.validity < SHORT ? notBefore : now) + policy.validity,
    signer: authority,
  })
}

const SHORT = 8 * 3600 * 1000
