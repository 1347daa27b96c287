/**
 * The identity that a front proxy vouches for in headers (k8s.io/apiserver pkg/authentication/request/headerrequest). Only
 * believed over a connection with a client certificate of the proxy's own authority.
 */
import { type CertificateFacts, parseCertificate } from '@canopus/platform'
import type { Authentication, AuthenticationRequest, Authenticator, Connection } from '../security.ts'
import { InvalidCredentialError } from './client-certificate.ts'
import { type Authorities, IssuedBy } from './issued-by.ts'

export interface RequestHeaderOptions {
  /** Authorities of front proxies (PEM); not the authority of ordinary clients. */
  readonly clientCa: Authorities
  /** Common names that a proxy's certificate may have; any where missing or empty. */
  readonly allowedNames?: readonly string[]
  /** The first of these headers with a value names the user; `X-Remote-User` where missing. */
  readonly usernameHeaders?: readonly string[]
  /** `X-Remote-Uid` where missing. */
  readonly uidHeaders?: readonly string[]
  /** `X-Remote-Group` where missing. */
  readonly groupHeaders?: readonly string[]
  /** `X-Remote-Extra-` where missing. */
  readonly extraHeaderPrefixes?: readonly string[]
}

/** What is written into `extension-apiserver-authentication` and believed here where nothing else is asked for. */
export const REQUEST_HEADERS = {
  usernameHeaders: ['X-Remote-User'],
  uidHeaders: ['X-Remote-Uid'],
  groupHeaders: ['X-Remote-Group'],
  extraHeaderPrefixes: ['X-Remote-Extra-'],
} as const

/** Throws where a header's name is empty or the authorities cannot be read. */
export function requestHeaderAuthenticator(options: RequestHeaderOptions, now: () => number): Authenticator {
  const issuers = new IssuedBy(options.clientCa)
  const names = (list: readonly string[]): string[] => list.map(trimmed)
  const usernames = names(options.usernameHeaders ?? REQUEST_HEADERS.usernameHeaders)
  const uids = names(options.uidHeaders ?? REQUEST_HEADERS.uidHeaders)
  const groups = names(options.groupHeaders ?? REQUEST_HEADERS.groupHeaders)
  const prefixes = names(options.extraHeaderPrefixes ?? REQUEST_HEADERS.extraHeaderPrefixes)
  const allowed = options.allowedNames ?? []
  const read = new WeakMap<Connection, CertificateFacts>()
  const factsOf = (connection: Connection, certificate: Uint8Array): CertificateFacts => {
    let facts = read.get(connection)
    if (facts === undefined) {
      facts = parseCertificate(certificate)
      read.set(connection, facts)
    }
    return facts
  }
  return {
    authenticate(request): Authentication | undefined {
      const { connection } = request
      if (connection.certificate === undefined) return undefined
      if (!issuers.accepts(connection)) {
        // Of another authority of this server: whose it is, the next authenticator knows.
        if (connection.certificateVerified) return undefined
        throw new InvalidCredentialError('x509: certificate signed by unknown authority')
      }
      const { notAfter, subject } = factsOf(connection, connection.certificate)
      if (notAfter <= now()) throw new InvalidCredentialError('x509: certificate has expired')
      const { commonName } = subject
      if (allowed.length > 0 && !allowed.includes(commonName)) {
        throw new InvalidCredentialError(`x509: subject with cn=${commonName} is not in the allowed list`)
      }
      const name = firstOf(request, usernames)
      if (name === undefined) return undefined
      const uid = firstOf(request, uids)
      const extra = extraOf(request, prefixes)
      const user = {
        name,
        ...(uid === undefined ? {} : { uid }),
        groups: groups.flatMap(each => valuesOf(request, each).filter(value => value !== '')),
        ...(Object.keys(extra).length === 0 ? {} : { extra }),
      }
      return { user }
    },
  }
}

function trimmed(name: string): string {
  const text = name.trim().toLowerCase()
  if (text === '') throw new Error('empty header name')
  return text
}

/** Go takes header values as UTF-8; Node gives their bytes one by one. */
const utf8 = (value: string): string => Buffer.from(value, 'latin1').toString('utf8')

function valuesOf(request: AuthenticationRequest, name: string): string[] {
  const value = request.headers[name]
  if (value === undefined) return []
  const values = typeof value === 'string' ? (request.distinctHeaders?.()[name] ?? [value]) : value
  return values.map(utf8)
}

function firstOf(request: AuthenticationRequest, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = valuesOf(request, name)[0]
    if (value !== undefined && value !== '') return value
  }
  return undefined
}

function extraOf(request: AuthenticationRequest, prefixes: readonly string[]): Record<string, string[]> {
  const extra: Record<string, string[]> = {}
  for (const prefix of prefixes) {
    for (const name in request.headers) {
      if (!name.startsWith(prefix)) continue
      const key = unescaped(name.slice(prefix.length))
      extra[key] = [...(extra[key] ?? []), ...valuesOf(request, name)]
    }
  }
  return extra
}

/** Keys are percent-encoded where they hold what headers may not; anything else stands for itself. */
export function unescaped(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
