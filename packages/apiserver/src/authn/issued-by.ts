import { X509Certificate } from 'node:crypto'
import type { Connection } from '../security.ts'

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** No chain is longer than this. */
const DEPTH = 8

/**
 * Whether a client's certificate leads to one of the authorities of a bundle (PEM). TLS has verified the chain already, with
 * dates and purpose, against all authorities of the listener; this says which of them it was, once per connection.
 */
export class IssuedBy {
  readonly #authorities: readonly X509Certificate[]
  readonly #known = new WeakMap<Connection, boolean>()

  /** Throws where the bundle holds no certificate. */
  constructor(bundle: string) {
    this.#authorities = (bundle.match(PEM) ?? []).map(each => new X509Certificate(each))
    if (this.#authorities.length === 0) throw new Error('the bundle of authorities holds no certificate')
  }

  accepts(connection: Connection): boolean {
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

const issued = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
