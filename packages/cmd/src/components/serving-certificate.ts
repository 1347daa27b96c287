import { join } from 'node:path'
import type { Clock } from '@canopus/base'
import { Failure } from '@canopus/cli'
import {
  type CertifiedKey,
  createAuthority,
  issueCertificate,
  readTextIfPresent,
  writeFileAtomic,
} from '@canopus/platform'
import { fileOf } from '../flags.ts'

export interface ServingCertificateOptions {
  /** Values of `--tls-cert-file` and `--tls-private-key-file`. */
  certFile?: string | undefined
  keyFile?: string | undefined
  /** Where a certificate of our own is kept where none is given, as `<name>.crt` and `<name>.key`. */
  directory: string
  name: string
  hosts: readonly string[]
  clock: Clock
}

/** What a component shows to its clients: the files of its flags, else a certificate made here, as upstream does. */
export async function servingCertificate(options: ServingCertificateOptions): Promise<CertifiedKey> {
  const { certFile, keyFile, directory, name, hosts, clock } = options
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Failure('--tls-cert-file and --tls-private-key-file belong together')
  if (certFile !== undefined && keyFile !== undefined)
    return { certificate: fileOf('tls-cert-file', certFile), key: fileOf('tls-private-key-file', keyFile) }
  const paths = { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) }
  const certificate = readTextIfPresent(paths.certificate)
  const key = readTextIfPresent(paths.key)
  if (certificate !== undefined && key !== undefined) return { certificate, key }
  const authority = await createAuthority({
    commonName: `${hosts[0] ?? name}-ca@${Math.floor(clock.now() / 1000)}`,
    clock,
  })
  const own = await issueCertificate(authority, {
    commonName: hosts[0] ?? name,
    hosts,
    purposes: ['server auth'],
    clock,
  })
  const made = { certificate: own.certificate + authority.certificate, key: own.key }
  writeFileAtomic(paths.key, made.key, 0o600)
  writeFileAtomic(paths.certificate, made.certificate)
  return made
}
