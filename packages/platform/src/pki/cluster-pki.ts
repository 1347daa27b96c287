import { createPrivateKey } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '@canopus/base'
import { readTextIfPresent, writeFileAtomic } from '../files.ts'
import {
  type CertifiedKey,
  createAuthority,
  createKey,
  DAY,
  issueCertificate,
  type LeafOptions,
} from './certificate.ts'
import { publicKeyBytes, publicKeyOf } from './keys.ts'
import { isIssuedBy, parseCertificate } from './parse.ts'

/** Every key and certificate of a control plane, under the file names that kubeadm gave them. */
export interface ClusterPki {
  /** `ca.crt`, `ca.key`: signs server, client and kubelet certificates. */
  readonly ca: CertifiedKey
  /** `apiserver.crt`, `apiserver.key`: what the API server shows to its clients. */
  readonly apiserver: CertifiedKey
  /** `apiserver-kubelet-client.crt`, `.key`: with which the API server calls kubelets. */
  readonly apiserverKubeletClient: CertifiedKey
  /** `front-proxy-ca.crt`, `.key`: signs the certificate below. */
  readonly frontProxyCa: CertifiedKey
  /** `front-proxy-client.crt`, `.key`: with which the API server calls extension API servers. */
  readonly frontProxyClient: CertifiedKey
  /** `sa.key`, `sa.pub`: signs service-account tokens. */
  readonly serviceAccount: { readonly privateKey: string; readonly publicKey: string }
}

export interface ClusterPkiOptions {
  /** Part of the authorities' names, so that clusters side by side can be told apart. */
  clusterName: string
  /** Names of the API server besides `kubernetes` and its qualified forms, and `localhost`. */
  serviceDnsNames?: readonly string[]
  /** Addresses of the API server: the service address, the machine's own; 127.0.0.1 and ::1 are added. */
  addresses?: readonly string[]
  /** For `kubernetes.default.svc.<domain>`; `cluster.local` where missing. */
  clusterDomain?: string
  clock: Clock
}

/** Where the files of a PKI lie; names are relative, for example `ca.crt`. */
export interface PkiFiles {
  read(name: string): string | undefined
  write(name: string, content: string, mode: number): void
}

/** Leaf certificates with less than this to live are issued anew (milliseconds). */
export const RENEW_BEFORE = 90 * DAY

/**
 * Loads the PKI of a directory, making what is missing and issuing anew what nears its end or lacks a name. Files are written
 * one by one and atomically, keys (0600) before certificates (0644); a crash in between leaves a state that the next
 * call completes. Throws with a line that says what to do where an authority has expired or does not fit its key.
 */
export function ensureClusterPki(directory: string, options: ClusterPkiOptions): Promise<ClusterPki> {
  return ensurePki(
    {
      read: name => readTextIfPresent(join(directory, name)),
      write: (name, content, mode) => writeFileAtomic(join(directory, name), content, mode),
    },
    options,
  )
}

/** A PKI that lives in memory only, for clusters inside a test. */
export function createClusterPki(options: ClusterPkiOptions): Promise<ClusterPki> {
  const files = new Map<string, string>()
  return ensurePki({ read: name => files.get(name), write: (name, content) => void files.set(name, content) }, options)
}

async function ensurePki(files: PkiFiles, options: ClusterPkiOptions): Promise<ClusterPki> {
  const { clock } = options
  const [ca, frontProxyCa, serviceAccount] = await Promise.all([
    ensureAuthority(files, 'ca', options.clusterName, clock),
    ensureAuthority(files, 'front-proxy-ca', `${options.clusterName}-front-proxy`, clock),
    ensureServiceAccountKey(files),
  ])
  const [apiserver, apiserverKubeletClient, frontProxyClient] = await Promise.all([
    ensureLeaf(files, 'apiserver', ca, {
      commonName: 'kube-apiserver',
      hosts: apiserverHosts(options),
      purposes: ['server auth'],
      clock,
    }),
    ensureLeaf(files, 'apiserver-kubelet-client', ca, {
      commonName: 'kube-apiserver-kubelet-client',
      organizations: ['system:masters'],
      purposes: ['client auth'],
      clock,
    }),
    ensureLeaf(files, 'front-proxy-client', frontProxyCa, {
      commonName: 'front-proxy-client',
      purposes: ['client auth'],
      clock,
    }),
  ])
  return { ca, frontProxyCa, serviceAccount, apiserver, apiserverKubeletClient, frontProxyClient }
}

function apiserverHosts(options: ClusterPkiOptions): string[] {
  const domain = options.clusterDomain ?? 'cluster.local'
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${domain}`]
  const given = [...(options.serviceDnsNames ?? []), ...(options.addresses ?? [])]
  return [...new Set([...service, 'localhost', '127.0.0.1', '::1', ...given])]
}

/** The authority in `<name>.crt` and `<name>.key`, made where there is none. */
export async function ensureAuthority(
  files: PkiFiles,
  name: string,
  commonName: string,
  clock: Clock,
): Promise<CertifiedKey> {
  const certificate = files.read(`${name}.crt`)
  const key = files.read(`${name}.key`)
  // Without a certificate nothing can have been issued yet: a key alone is the rest of an interrupted start.
  if (certificate === undefined) return store(files, name, await createAuthority({ commonName, clock }))
  if (key === undefined) throw new Error(`${name}.key is missing beside ${name}.crt: restore it or remove both files`)
  if (!belongTogether(certificate, key)) {
    throw new Error(`${name}.key is not the key of ${name}.crt: restore the right one or remove both files`)
  }
  const { notAfter } = parseCertificate(certificate)
  if (notAfter <= clock.now()) {
    const date = new Date(notAfter).toISOString()
    throw new Error(
      `the certificate authority ${name}.crt expired on ${date}: remove the PKI directory to make a new one`,
    )
  }
  return { certificate, key }
}

/** The certificate in `<name>.crt`, issued where it is missing, foreign, near its end or short of a name or purpose. */
export async function ensureLeaf(
  files: PkiFiles,
  name: string,
  authority: CertifiedKey,
  options: LeafOptions,
): Promise<CertifiedKey> {
  const certificate = files.read(`${name}.crt`)
  const key = files.read(`${name}.key`)
  if (certificate !== undefined && key !== undefined && isFit({ certificate, key }, authority, options)) {
    return { certificate, key }
  }
  return store(files, name, await issueCertificate(authority, options))
}

/** Whether a certificate may be kept: its authority's, for this name and these purposes, with enough time to live. */
export function isFit(pair: CertifiedKey, authority: CertifiedKey, options: LeafOptions): boolean {
  try {
    if (!belongTogether(pair.certificate, pair.key) || !isIssuedBy(pair.certificate, authority.certificate))
      return false
    const facts = parseCertificate(pair.certificate)
    const names = new Set([...facts.dnsNames, ...facts.addresses])
    return (
      facts.notAfter - options.clock.now() > Math.min(RENEW_BEFORE, (options.validity ?? 365 * DAY) / 3) &&
      facts.subject.commonName === options.commonName &&
      sameMembers(facts.subject.organizations, options.organizations ?? []) &&
      (options.hosts ?? []).every(host => names.has(host))
    )
  } catch {
    return false // Not a certificate at all: as good as missing.
  }
}

const sameMembers = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every(each => right.includes(each))

/** Whether a key is that of a certificate. Throws where one of them is none. */
export function belongTogether(certificate: string, key: string): boolean {
  return publicKeyBytes(publicKeyOf(certificate)).equals(publicKeyBytes(publicKeyOf(key)))
}

function store(files: PkiFiles, name: string, pair: CertifiedKey): CertifiedKey {
  files.write(`${name}.key`, pair.key, 0o600)
  files.write(`${name}.crt`, pair.certificate, 0o644)
  return pair
}

async function ensureServiceAccountKey(files: PkiFiles): Promise<ClusterPki['serviceAccount']> {
  const existing = files.read('sa.key')
  const privateKey = existing ?? (await createKey())
  if (existing === undefined) files.write('sa.key', privateKey, 0o600)
  createPrivateKey(privateKey)
  const publicKey = publicKeyOf(privateKey).export({ type: 'spki', format: 'pem' }) as string
  if (files.read('sa.pub') !== publicKey) files.write('sa.pub', publicKey, 0o644)
  return { privateKey, publicKey }
}

/** A client certificate for a person or component: `commonName` is the user, `organizations` are the groups. */
export function issueClientCertificate(
  ca: CertifiedKey,
  user: { commonName: string; organizations?: readonly string[]; clock: Clock; validity?: number },
): Promise<CertifiedKey> {
  return issueCertificate(ca, { ...user, purposes: ['client auth'] })
}
