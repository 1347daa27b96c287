/** What went wrong on the way to a webhook or another server, in the words of Go's HTTP client, which operators and tests look for. */

import { isIP } from 'node:net'

interface Coded {
  readonly code?: string
  readonly message?: string
  readonly address?: string
  readonly port?: number
  readonly hostname?: string
  readonly cert?: { subjectaltname?: string; subject?: { CN?: string } }
  readonly cause?: unknown
  readonly errors?: readonly unknown[]
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

const NOT_TLS: ReadonlySet<string> = new Set(['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER'])

/**
 * Why no answer came, without the URL. `notTls` is for servers that answer without TLS, to which Go's client has other words than
 * what is below it.
 */
export function transportProblem(
  error: unknown,
  origin: string,
  notTls = 'http: server gave HTTP response to HTTPS client',
): string {
  const { code = '', message = '', address, port, hostname, cert, cause, errors } = (error ?? {}) as Coded
  const dialled = address === undefined ? new URL(origin).host : joined(address, port)
  if (UNTRUSTED.has(code)) {
    return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  }
  if (NOT_TLS.has(code) && message.includes('wrong version number')) return notTls
  switch (code) {
    case 'ECONNREFUSED':
      return `dial tcp ${dialled}: connect: connection refused`
    case 'EHOSTUNREACH':
      return `dial tcp ${dialled}: connect: no route to host`
    case 'ENETUNREACH':
      return `dial tcp ${dialled}: connect: network is unreachable`
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `dial tcp ${dialled}: i/o timeout`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${hostname ?? new URL(origin).hostname}: no such host`
    case 'ECONNRESET':
      return 'read: connection reset by peer'
    case 'UND_ERR_SOCKET':
      return 'EOF'
    case 'CERT_HAS_EXPIRED':
      return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid'
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `tls: failed to verify certificate: x509: ${nameProblem(cert, new URL(origin).hostname.replace(/^\[|\]$/g, ''))}`
  }
  const [first] = errors ?? []
  if (first !== undefined) return transportProblem(first, origin, notTls)
  if (message === '' && cause !== undefined) return transportProblem(cause, origin, notTls)
  return message || String(error)
}

const joined = (address: string, port: number | undefined): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port ?? ''}`

/** Names of a certificate are told up to here (Go's crypto/x509/verify.go, HostnameError). */
const MOST_NAMES = 100

/** Why a certificate is none for a host: addresses are looked for among its addresses alone, names among its names. */
function nameProblem(cert: Coded['cert'], host: string): string {
  const isAddress = isIP(host) !== 0
  const names = namesOf(cert, isAddress ? 'IP Address:' : 'DNS:')
  if (names.length >= MOST_NAMES) {
    return `certificate is valid for ${names.length} ${isAddress ? 'IP SANs' : 'names'}, but none matched ${host}`
  }
  if (names.length > 0) return `certificate is valid for ${names.join(', ')}, not ${host}`
  if (isAddress) return `cannot validate certificate for ${host} because it doesn't contain any IP SANs`
  if (cert?.subjectaltname === undefined && cert?.subject?.CN === host) {
    return 'certificate relies on legacy Common Name field, use SANs instead'
  }
  return `certificate is not valid for any names, but wanted to match ${host}`
}

/** Of `DNS:a, DNS:b, IP Address:1.2.3.4` those of one sort. */
const namesOf = (cert: Coded['cert'], sort: string): string[] =>
  (cert?.subjectaltname ?? '')
    .split(', ')
    .filter(each => each.startsWith(sort))
    .map(each => each.slice(sort.length))

/** What an answer that is no success comes to (k8s.io/client-go/rest/request.go, apimachinery NewGenericServerResponse). */
export function answerProblem(status: number, body: string, contentType = ''): string {
  const own = statusMessage(body)
  if (own !== undefined) return own
  const text = isText(contentType) ? body.slice(0, MOST_TEXT).trim() : 'unknown'
  switch (status) {
    case 400:
      return 'the server rejected our request for an unknown reason'
    case 401:
      return 'the server has asked for the client to provide credentials'
    case 403:
    case 415:
      return text
    case 404:
      return 'the server could not find the requested resource'
    case 405:
      return 'the server does not allow this method on the requested resource'
    case 406:
      return saying(text) ?? 'the server was unable to respond with a content type that the client supports'
    case 409:
      return 'the server reported a conflict'
    case 422:
      return 'the server rejected our request due to an error in our request'
    case 429:
      return 'the server has received too many requests and has asked us to try again later'
    case 503:
      return saying(text) ?? 'the server is currently unable to handle the request'
    case 504:
      return 'the server was unable to return a response in the time allotted, but may still be processing the request'
  }
  if (status >= 500) {
    return `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`
  }
  return `the server responded with the status code ${status} but did not return more information`
}

/** Of a longer answer this much is told. */
const MOST_TEXT = 2048

/** What says nothing of itself is taken for text. */
const isText = (contentType: string): boolean => contentType === '' || /^text\//i.test(contentType)

const saying = (text: string): string | undefined => (text === '' || text === 'unknown' ? undefined : text)

/** The message of an answer that is a Status of the API. */
function statusMessage(text: string): string | undefined {
  try {
    const { kind, message } = JSON.parse(text) as { kind?: unknown; message?: unknown }
    return kind === 'Status' && typeof message === 'string' && message !== '' ? message : undefined
  } catch {
    return undefined
  }
}
