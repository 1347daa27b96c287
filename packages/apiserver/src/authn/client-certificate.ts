import { createHash } from 'node:crypto'
import { parseCertificate } from '@canopus/platform'
import type { Authentication, AuthenticationRequest, Authenticator, Connection } from '../security.ts'
import { type Authorities, IssuedBy } from './issued-by.ts'
import { EXTRA } from './user.ts'

/** Thrown where a credential was presented that is not valid: the request ends in 401, also where anonymous is allowed. */
export class InvalidCredentialError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidCredentialError'
  }
}

/**
 * The user of a verified client certificate: CN is the name, O are the groups. TLS has checked issuer, dates and purpose
 * when the connection began; the end is looked at again on every request, since connections live long.
 */
export class ClientCertificateAuthenticator implements Authenticator {
  readonly #known = new WeakMap<Connection, { authentication: Authentication; notAfter: number }>()
  readonly #now: () => number
  readonly #issuers: IssuedBy | undefined

  readonly #readsUid: boolean

  /**
   * `authorities` (PEM) is needed where the listener accepts those of others too, such as front proxies'. `readsUid`: the feature
   * AllowParsingUserUIDFromCertAuth.
   */
  constructor(now: () => number, authorities?: Authorities, readsUid = true) {
    this.#now = now
    this.#readsUid = readsUid
    this.#issuers = authorities === undefined ? undefined : new IssuedBy(authorities)
  }

  authenticate({ connection }: AuthenticationRequest): Authentication | undefined {
    if (connection.certificate === undefined) return undefined
    if (!connection.certificateVerified || this.#issuers?.accepts(connection) === false)
      throw new InvalidCredentialError('x509: certificate signed by unknown authority')
    let known = this.#known.get(connection)
    if (known === undefined) {
      known = read(connection.certificate, this.#readsUid)
      this.#known.set(connection, known)
    }
    if (known.notAfter <= this.#now()) throw new InvalidCredentialError('x509: certificate has expired')
    return known.authentication
  }
}

function read(certificate: Uint8Array, readsUid: boolean): { authentication: Authentication; notAfter: number } {
  const { subject, notAfter } = parseCertificate(certificate)
  if (subject.commonName === '') throw new InvalidCredentialError('x509: subject without a common name')
  const uid = readsUid ? uidOf(subject.uids) : undefined
  const fingerprint = createHash('sha256').update(certificate).digest('hex')
  const user = {
    name: subject.commonName,
    ...(uid === undefined ? {} : { uid }),
    groups: subject.organizations,
    extra: { [EXTRA.credentialId]: [`X509SHA256=${fingerprint}`] },
  }
  return { authentication: { user }, notAfter }
}

/** There is one, or none. */
function uidOf(uids: readonly string[] = []): string | undefined {
  if (uids.length > 1) throw new InvalidCredentialError(`expected 1 UID, but found multiple: [${uids.join(' ')}]`)
  if (uids[0] === '') throw new InvalidCredentialError('UID cannot be an empty string')
  return uids[0]
}
