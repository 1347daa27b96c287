import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@canopus/base'
import { Failure } from '@canopus/cli'
import {
  belongTogether,
  type CertifiedKey,
  createAuthority,
  issueCertificate,
  parseCertificate,
  readTextIfPresent,
  writeFileAtomic,
} from '@canopus/platform'
import { fileOf } from '../flags.ts'
import { followFiles } from './follow-files.ts'

interface ServingPaths {
  /** Values of `--tls-cert-file` and `--tls-private-key-file`. */
  certFile?: string | undefined
  keyFile?: string | undefined
  /** Where a certificate of our own is kept where none is given, as `<name>.crt` and `<name>.key`. */
  directory: string
  name: string
}

export interface ServingCertificateOptions extends ServingPaths {
  hosts: readonly string[]
  clock: Clock
}

/**
 * What a component shows to its clients: the files of its flags, else those of its directory, else a certificate made here (upstream:
 * MaybeDefaultWithSelfSignedCerts in k8s.io/apiserver/pkg/server/options/serving.go). Throws where one file of a pair is missing.
 */
export async function servingCertificate(options: ServingCertificateOptions): Promise<CertifiedKey> {
  const { certFile, keyFile, name, hosts, clock } = options
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Failure('--tls-cert-file and --tls-private-key-file belong together')
  if (certFile !== undefined && keyFile !== undefined)
    return { certificate: fileOf('tls-cert-file', certFile), key: fileOf('tls-private-key-file', keyFile) }
  const paths = servingFiles(options)
  const certificate = readTextIfPresent(paths.certificate)
  const key = readTextIfPresent(paths.key)
  if ((certificate === undefined) !== (key === undefined))
    throw new Failure(`${paths.certificate} and ${paths.key} belong together, but only one of them is there`)
  if (certificate !== undefined && key !== undefined && !isDue(certificate, clock)) return { certificate, key }
  // RSA, as upstream's: some clients offer no cipher suites of TLS 1.2 that go with other keys.
  const keyType = 'rsa'
  const authority = await createAuthority({
    keyType,
    commonName: `${hosts[0] ?? name}${OWN_AUTHORITY}${Math.floor(clock.now() / 1000)}`,
    clock,
  })
  const own = await issueCertificate(authority, {
    keyType,
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

/** Where it is. */
export function servingFiles({ certFile, keyFile, directory, name }: ServingPaths): CertificateFiles {
  return { certificate: certFile ?? join(directory, `${name}.crt`), key: keyFile ?? join(directory, `${name}.key`) }
}

/** Certificates of our own making with less than this to live are made anew at the start (milliseconds). */
const RENEW_BEFORE = 30 * 86_400_000

/** What stands before the time in the name of an authority that is made for one certificate, as upstream calls it. */
const OWN_AUTHORITY = '-ca@'

/** Those that somebody else put there are left alone, however short they live: envtest's are good for a week. */
const isDue = (certificate: string, clock: Clock): boolean =>
  new X509Certificate(certificate).issuer.includes(OWN_AUTHORITY) &&
  parseCertificate(certificate).notAfter - clock.now() <= RENEW_BEFORE

export interface CertificateFiles {
  certificate: string
  key: string
}

/** What a certificate's files have. Throws where one cannot be read. */
export const certificateIn = (files: CertificateFiles): CertifiedKey => ({
  certificate: readFileSync(files.certificate, 'utf8'),
  key: readFileSync(files.key, 'utf8'),
})

/** How often files of certificates are looked at, beside what is told of them (as upstream's dynamiccertificates). */
const LOOK_EVERY = 60_000

/**
 * Tells of each other certificate that comes into the files, once its key is there too. Does not keep the process running. Returns
 * what ends it.
 */
export function followCertificate(
  files: CertificateFiles,
  renewed: (pair: CertifiedKey) => void,
  interval = LOOK_EVERY,
): () => void {
  let known = certificateIn(files)
  return followFiles(Object.values(files), interval, () => {
    const pair = pairIn(files)
    if (pair === undefined || pair.certificate === known.certificate) return
    known = pair
    renewed(pair)
  })
}

/** Nothing while the files are being replaced. */
function pairIn(files: CertificateFiles): CertifiedKey | undefined {
  try {
    const pair = certificateIn(files)
    return belongTogether(pair.certificate, pair.key) ? pair : undefined
  } catch {
    return undefined
  }
}
