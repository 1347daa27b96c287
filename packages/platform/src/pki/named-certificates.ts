/** Certificates by the name that a client asks for (SNI; k8s.io/apiserver/pkg/server/dynamiccertificates/named_certificates.go). */
import { isIP } from 'node:net'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { CertifiedKey } from './certificate.ts'
import { parseCertificate } from './parse.ts'

export interface NamedCertificate extends CertifiedKey {
  /** Names to be asked for, `*.` at the front standing for one label; empty: those that the certificate has. */
  readonly names: readonly string[]
}

/** What a TLS server agrees to, in OpenSSL's names; what Node has by default where missing. */
export type TlsPolicy = Pick<SecureContextOptions, 'minVersion' | 'ciphers' | 'ecdhCurve'>

/**
 * Which certificate goes with which name: of several the earliest; names that were given come before those that were found in
 * certificates. Throws where a certificate cannot be read.
 */
export function certificatesByName(certificates: readonly NamedCertificate[]): Map<string, NamedCertificate> {
  const found: [string, NamedCertificate][] = []
  const given: [string, NamedCertificate][] = []
  for (const each of certificates.toReversed()) {
    for (const name of each.names) given.push([name, each])
    if (each.names.length === 0) for (const name of namesOf(each.certificate)) found.push([name, each])
  }
  return new Map([...found, ...given].map(([name, each]) => [name.toLowerCase(), each]))
}

/** Addresses are left out: nobody may ask for one by SNI. */
function namesOf(certificate: string): string[] {
  const { subject, dnsNames } = parseCertificate(certificate)
  const { commonName } = subject
  return DOMAIN.test(commonName) && isIP(commonName) === 0 ? [commonName, ...dnsNames] : dnsNames
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const DOMAIN = new RegExp(`^(\\*|(\\*\\.)?${LABEL}(\\.${LABEL})*)$`)

/** What belongs to `server`: its own entry, else that of the star for its first label. */
export function entryFor<T>(byName: ReadonlyMap<string, T>, server: string): T | undefined {
  const name = server.toLowerCase().replace(/\.+$/, '')
  return byName.get(name) ?? byName.get(name.replace(/^[^.]*/, '*'))
}

/** What a TLS server shows to those who ask for a name; to others, and where nothing goes with the name, what it shows else. */
export class NamedContexts {
  #contexts: ReadonlyMap<string, SecureContext> = new Map()

  /** From the next connection on; clients are asked for certificates of `ca`. Throws where a certificate cannot be used. */
  set(certificates: readonly NamedCertificate[], ca?: readonly string[], policy: TlsPolicy = {}): void {
    const contexts = new Map<NamedCertificate, SecureContext>()
    for (const each of certificates) {
      const { certificate: cert, key } = each
      contexts.set(each, createSecureContext({ ...policy, cert, key, ...(ca === undefined ? {} : { ca: [...ca] }) }))
    }
    this.#contexts = new Map([...certificatesByName(certificates)].map(([name, each]) => [name, contexts.get(each)!]))
  }

  /** Node's `SNICallback`. */
  readonly callback = (server: string, done: (error: Error | null, context?: SecureContext) => void): void =>
    done(null, entryFor(this.#contexts, server))
}
