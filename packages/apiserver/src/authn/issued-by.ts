import { X509Certificate } from 'node:crypto'
import type { Connection } from '../security.ts'

/** The certificates in a text (PEM). */
export const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** No chain is longer than this. */
const DEPTH = 8

/** Certificates of authorities (PEM), or what says which they are now. */
export type Authorities = string | (() => string)

/**
 * Whether a client's certificate leads to one of the authorities of a bundle (PEM). TLS has verified the chain already, with
 * dates and purpose, against all authorities of the listener; this says which of them it was, once per connection.
 */
export class IssuedBy {
  readonly #current: () => string
  #bundle: string
  #authorities: readonly X509Certificate[]
  #known = new WeakMap<Connection, boolean>()

  /** A function says what the bundle is now. Throws where it holds no certificate. */
  constructor(bundle: Authorities) {
    this.#current = typeof bundle === 'string' ? () => bundle : bundle
    this.#bundle = this.#current()
    this.#authorities = authoritiesOf(this.#bundle)
  }

  accepts(connection: Connection): boolean {
    const bundle = this.#current()
    if (bundle !== this.#bundle) {
      this.#authorities = authoritiesOf(bundle)
      this.#bundle = bundle
      this.#known = new WeakMap()
    }
    let known = this.#known.get(connection)
    if (known === undefined) {
      known = connection.certificateVerified && this.#leadsHere(connection)
      this.#known.set(connection, known)
    }
    return known
  }

  #leadsHere({ certificate, intermediates = [] }: Connection): boolean {
    const chain = intermediates.map(each => new X509Certificate(each))
    let current = certificate && new X509Certificate(certificate)
    for (let depth = 0; current !== undefined && depth < DEPTH; depth++) {
      const leaf: X509Certificate = current
      if (this.#authorities.some(each => each.raw.equals(leaf.raw) || issued(leaf, each))) return true
      current = chain.find(each => each.ca && !each.raw.equals(leaf.raw) && issued(leaf, each))
    }
    return false
  }
}

/** Throws where the bundle holds no certificate. */
export function authoritiesOf(bundle: string): readonly X509Certificate[] {
  const found = (bundle.match(CERTIFICATES) ?? []).map(each => new X509Certificate(each))
  if (found.length === 0) throw new Error('the bundle of authorities holds no certificate')
  return found
}

const issued = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
