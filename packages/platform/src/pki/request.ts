import type { Clock } from '@canopus/base'
import { BACKDATE, type CertifiedKey, writeCertificate } from './certificate.ts'
import { pemOf } from './keys.ts'
import { type AlternativeNames, type Subject, splitUsages } from './names.ts'
import { parseCertificate } from './parse.ts'
import { requestBytes } from './writing.ts'

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
  const base64 = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]*)-----END (?:NEW )?CERTIFICATE REQUEST-----/.exec(
    pem,
  )
  if (base64 === null) throw new Error('PEM block type must be CERTIFICATE REQUEST')
  // Loaded where it is needed: most processes read none.
  const { readRequest } = await import('./read-request.ts')
  // Headers may stand before the data.
  return readRequest(Buffer.from(base64[1]!.replace(/^\s*[^\n:]+:[\s\S]*?\n\r?\n/, ''), 'base64'))
}

export interface RequestOptions {
  commonName: string
  organizations?: readonly string[]
  hosts?: readonly string[]
}

/** Makes a request (PEM) for the key (PEM), as a kubelet does to get its certificates. */
export function createCertificateRequest(key: string, options: RequestOptions): string {
  return pemOf('CERTIFICATE REQUEST', requestBytes(key, options))
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
 * upstream (pkg/controller/certificates/authority/policies.go) the start lies five minutes back, and lifetimes of eight
 * hours or more count from there, shorter ones from now. Throws where the authority itself has expired.
 */
export function signCertificateRequest(
  authority: CertifiedKey,
  request: CertificateRequest,
  policy: SigningPolicy,
): string {
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
    notAfter: (policy.validity < SHORT ? now : notBefore) + policy.validity,
    signer: authority,
  })
}

const SHORT = 8 * 3600 * 1000
