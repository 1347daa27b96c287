import { type Clock, type Logger, type Random, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import { type CertifiedKey, parseCertificate, readTextIfPresent, writeFileAtomic } from '@canopus/platform'
import { type CertificateWish, requestCertificate } from './request-certificate.ts'

export interface CertificateKeeperOptions {
  /** Where certificate and key are kept together, for example `<kubelet>/pki/kubelet-client-current.pem`. */
  file: string
  /** The certificate to start with where the file is not there yet. */
  first?: CertifiedKey
  wish: CertificateWish
  /** A client for requests: with the present certificate, or with the bootstrap credentials where there is none. */
  clientFor(present: CertifiedKey | undefined): Client
  clock: Clock
  random: Random
  logger: Logger
}

const RETRY_AFTER = 5_000
const PEM_BLOCK = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----\n?/g

/**
 * Has a node's certificate, and gets a new one before it expires: the first with bootstrap credentials, later ones with the one
 * it has (upstream client-go/util/certificate/certificate_manager.go, KEP 266).
 */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions
  #present: CertifiedKey | undefined

  constructor(options: CertificateKeeperOptions) {
    this.#options = options
    this.#present = this.#load() ?? options.first
  }

  /** The certificate, requested where there is none that is still valid. Tries until it succeeds or the signal aborts. */
  async get(signal: AbortSignal): Promise<CertifiedKey> {
    while (this.#present === undefined || this.#expired(this.#present)) {
      signal.throwIfAborted()
      try {
        this.#present = await this.#request(undefined, signal)
      } catch (error) {
        if (signal.aborted) throw error
        this.#options.logger.warn('no certificate yet', { signer: this.#options.wish.signerName, error })
        await sleep(this.#options.clock, RETRY_AFTER, signal)
      }
    }
    return this.#present
  }

  /** Renews it for as long as the signal allows, and tells of each new one. */
  async run(renewed: (present: CertifiedKey) => void, signal: AbortSignal): Promise<void> {
    let present = await this.get(signal)
    while (!signal.aborted) {
      try {
        await sleep(this.#options.clock, this.#untilRenewal(present), signal)
        present = await this.#request(present, signal)
        this.#present = present
        renewed(present)
      } catch (error) {
        if (signal.aborted) return
        this.#options.logger.warn('a certificate could not be renewed', { error })
        await sleep(this.#options.clock, RETRY_AFTER, signal).catch(() => {})
      }
    }
  }

  async #request(present: CertifiedKey | undefined, signal: AbortSignal): Promise<CertifiedKey> {
    const { clientFor, clock, wish, file, logger } = this.#options
    const fresh = await requestCertificate(clientFor(present), clock, wish, signal)
    writeFileAtomic(file, fresh.certificate + fresh.key, 0o600)
    logger.info('certificate obtained', { signer: wish.signerName })
    return fresh
  }

  /** Somewhere between seven and nine tenths of its life, so that not all nodes ask at once. */
  #untilRenewal({ certificate }: CertifiedKey): number {
    const { clock, random } = this.#options
    const { notBefore, notAfter } = parseCertificate(certificate)
    const at = notBefore + (notAfter - notBefore) * (0.7 + 0.2 * random.next())
    return Math.max(0, at - clock.now())
  }

  #expired({ certificate }: CertifiedKey): boolean {
    return parseCertificate(certificate).notAfter <= this.#options.clock.now()
  }

  #load(): CertifiedKey | undefined {
    const blocks = (readTextIfPresent(this.#options.file) ?? '').match(PEM_BLOCK) ?? []
    const certificate = blocks.filter(block => block.includes('BEGIN CERTIFICATE')).join('')
    const key = blocks.find(block => block.includes('PRIVATE KEY'))
    return certificate === '' || key === undefined ? undefined : { certificate, key }
  }
}
