/** Authorities of client certificates, as their files have them now. */
import { readFileSync } from 'node:fs'
import { authoritiesOf } from '@canopus/apiserver'
import { fileOf } from '../flags.ts'
import { followFiles } from './follow-files.ts'

/** How often their files are looked at, beside what is told of them (as upstream's dynamiccertificates). */
const LOOK_EVERY = 60_000

/** One bundle of PEM. */
export class AuthorityFile {
  readonly #path: string
  #text: string

  /** Throws `Failure` where the file of the flag cannot be read. */
  constructor(flag: string, path: string) {
    this.#path = path
    this.#text = fileOf(flag, path)
  }

  get text(): string {
    return this.#text
  }

  /** Calls `changed` for other authorities. A file that is missing, or has none, leaves those of before. Returns what ends it. */
  follow(changed: () => void): () => void {
    return followFiles([this.#path], LOOK_EVERY, () => {
      const text = bundleIn(this.#path)
      if (text === undefined || text === this.#text) return
      this.#text = text
      changed()
    })
  }
}

function bundleIn(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    authoritiesOf(text)
    return text
  } catch {
    return undefined
  }
}

/** Those of clients themselves, and those of front proxies. */
export class ClientAuthorities {
  readonly clients: AuthorityFile | undefined
  readonly proxies: AuthorityFile | undefined

  constructor(flags: { clientCaFile?: string; requestheaderClientCaFile?: string }) {
    const { clientCaFile, requestheaderClientCaFile } = flags
    this.clients = clientCaFile === undefined ? undefined : new AuthorityFile('client-ca-file', clientCaFile)
    this.proxies =
      requestheaderClientCaFile === undefined
        ? undefined
        : new AuthorityFile('requestheader-client-ca-file', requestheaderClientCaFile)
  }

  /** What the listener asks clients for. */
  get all(): { clientCa?: string[] } {
    const all = [this.clients, this.proxies].flatMap(each => (each === undefined ? [] : [each.text]))
    return all.length === 0 ? {} : { clientCa: all }
  }

  /** Calls `changed` whenever either is another. Returns what ends it. */
  follow(changed: () => void): () => void {
    const ends = [this.clients?.follow(changed), this.proxies?.follow(changed)]
    return () => {
      for (const end of ends) end?.()
    }
  }
}
