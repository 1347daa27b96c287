import { X509Certificate } from 'node:crypto'
import { type Subject, shortAddress } from './names.ts'

/** What is read of a certificate. */
export interface CertificateFacts {
  subject: Subject
  /** Milliseconds since the epoch. */
  notBefore: number
  notAfter: number
  isAuthority: boolean
  dnsNames: string[]
  addresses: string[]
}

/**
 * Reads a certificate (PEM or DER); of several in one text the first. Needs no library and costs some 30 us. Throws where
 * it is none.
 */
export function parseCertificate(certificate: string | Uint8Array): CertificateFacts {
  return factsOf(new X509Certificate(certificate))
}

export function factsOf(parsed: X509Certificate): CertificateFacts {
  const names = alternativeNamesOf(parsed.subjectAltName ?? '')
  return {
    subject: subjectOf(parsed),
    notBefore: parsed.validFromDate.getTime(),
    notAfter: parsed.validToDate.getTime(),
    isAuthority: parsed.ca,
    ...names,
  }
}

/** Where a name has several CN the last counts, as in Go. The legacy object holds values as they are, without escapes. */
function subjectOf(parsed: X509Certificate): Subject {
  const fields = parsed.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>
  return { commonName: listOf(fields.CN).at(-1) ?? '', organizations: listOf(fields.O) }
}

const listOf = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value]

/** Splits Node's text form (`DNS:a, IP Address:10.0.0.1`); names with odd characters appear there as JSON strings. */
function alternativeNamesOf(text: string): { dnsNames: string[]; addresses: string[] } {
  const dnsNames: string[] = []
  const addresses: string[] = []
  for (const [, kind, quoted, plain] of text.matchAll(
    /(DNS|IP Address|email|URI|[A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g,
  )) {
    const value = quoted !== undefined ? String(JSON.parse(quoted)) : (plain ?? '').trim()
    if (kind?.trim() === 'DNS') dnsNames.push(value)
    if (kind?.trim() === 'IP Address') addresses.push(shortAddress(value))
  }
  return { dnsNames, addresses }
}

/** Whether `authority` signed `certificate` (both PEM or DER). Says nothing about dates. */
export function isIssuedBy(certificate: string | Uint8Array, authority: string | Uint8Array): boolean {
  const [leaf, issuer] = [new X509Certificate(certificate), new X509Certificate(authority)]
  return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)
}
