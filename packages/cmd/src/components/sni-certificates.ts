/** `--tls-sni-cert-key` (k8s.io/component-base/cli/flag/namedcertkey_flag.go). */
import type { NamedCertificate } from '@canopus/platform'
import { type Command, InvalidArgumentError } from 'commander'
import { fileOf } from '../flags.ts'
import { followCertificate } from './serving-certificate.ts'

/** One value of the flag. */
export interface NamedCertKey {
  readonly certFile: string
  readonly keyFile: string
  /** Empty: those of the certificate. */
  readonly names: readonly string[]
}

export interface SniFlags {
  tlsSniCertKey?: NamedCertKey[]
}

const FLAG = 'tls-sni-cert-key'

export function addSniFlag(command: Command): void {
  command.option(
    `--${FLAG} <certificate,key[:names]>`,
    'files of another certificate, for clients that ask for one of its names or of those given (repeatable)',
    namedCertKeys,
  )
}

/** `foo.crt,foo.key` or `foo.crt,foo.key:*.foo.com,foo.com`, after those of before. */
export function namedCertKeys(text: string, before: readonly NamedCertKey[] | undefined): NamedCertKey[] {
  const colon = text.indexOf(':')
  const files = split(colon < 0 ? text : text.slice(0, colon))
  const names = colon < 0 ? [] : split(text.slice(colon + 1))
  if (names.length === 1 && names[0] === '') throw new InvalidArgumentError('empty names list is not allowed.')
  const [certFile, keyFile] = files
  if (certFile === undefined || keyFile === undefined || files.length > 2)
    throw new InvalidArgumentError('expected comma separated certificate and key file paths.')
  return [...(before ?? []), { certFile, keyFile, names }]
}

const split = (text: string): string[] => text.split(',').map(part => part.trim())

/** The certificates of the flag, as their files have them now. */
export class SniCertificates {
  readonly #flags: readonly NamedCertKey[]
  #all: readonly NamedCertificate[]

  /** Throws `Failure` where a file cannot be read. */
  constructor({ tlsSniCertKey = [] }: SniFlags) {
    this.#flags = tlsSniCertKey
    this.#all = tlsSniCertKey.map(({ certFile, keyFile, names }) => ({
      certificate: fileOf(FLAG, certFile),
      key: fileOf(FLAG, keyFile),
      names,
    }))
  }

  get all(): readonly NamedCertificate[] {
    return this.#all
  }

  /** Calls `changed` for each that is another. Returns what ends it. */
  follow(changed: () => void): () => void {
    const ends = this.#flags.map(({ certFile, keyFile, names }, at) =>
      followCertificate({ certificate: certFile, key: keyFile }, pair => {
        this.#all = this.#all.with(at, { ...pair, names })
        changed()
      }),
    )
    return () => {
      for (const end of ends) end()
    }
  }
}
