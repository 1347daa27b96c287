/** URLs as Go's net/url reads them. */
import { goQuote } from './go-quote.ts'

/** The text is no URL; the message is Go's. */
export class GoUrlError extends Error {}

export interface GoUrl {
  readonly scheme: string
  /** With port, as it was written, but with escapes resolved. */
  readonly host: string
  /** The path as it was written. */
  readonly rawPath: string
  readonly rawQuery: string
  readonly text: string
}

/** url.ParseRequestURI: absolute, or beginning with a slash; a `#` is nothing special. Throws GoUrlError. */
export const parseRequestUri = (text: string): GoUrl => named(text, () => parse(text, true))

/** url.Parse, of what ParseRequestURI takes: what is behind a `#` does not count, and `//` begins a host. */
export function parseUrl(text: string): GoUrl {
  parseRequestUri(text)
  return named(text, () => ({ ...parse(text.replace(/#.*$/s, ''), false), text }))
}

/** url.Parse: whatever it takes, relative ones too. What is behind a `#` does not count. Throws GoUrlError. */
export const parseReference = (text: string): GoUrl =>
  named(text, () => ({ ...parse(text.replace(/#.*$/s, ''), false), text }))

function named(text: string, read: () => GoUrl): GoUrl {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof GoUrlError)) throw error
    throw new GoUrlError(`parse ${goQuote(text)}: ${error.message}`)
  }
}

function parse(text: string, viaRequest: boolean): GoUrl {
  for (const char of text) {
    if (char < ' ' || char === '\x7f') throw new GoUrlError('net/url: invalid control character in URL')
  }
  if (text === '' && viaRequest) throw new GoUrlError('empty url')
  if (text === '*') return { scheme: '', host: '', rawPath: '*', rawQuery: '', text }
  const { scheme, rest } = takeScheme(text)
  const mark = rest.indexOf('?')
  const beforeQuery = mark < 0 ? rest : rest.slice(0, mark)
  const rawQuery = mark < 0 ? '' : rest.slice(mark + 1)
  if (!beforeQuery.startsWith('/')) {
    if (scheme === '' && viaRequest) throw new GoUrlError('invalid URI for request')
    if (scheme === '') resolveEscapes(beforeQuery)
    return { scheme, host: '', rawPath: '', rawQuery, text }
  }
  const hasHost = beforeQuery.startsWith('//') && (scheme !== '' || (!viaRequest && !beforeQuery.startsWith('///')))
  if (!hasHost) {
    resolveEscapes(beforeQuery)
    return { scheme, host: '', rawPath: beforeQuery, rawQuery, text }
  }
  const slash = beforeQuery.indexOf('/', 2)
  const host = parseAuthority(slash < 0 ? beforeQuery.slice(2) : beforeQuery.slice(2, slash))
  const rawPath = slash < 0 ? '' : beforeQuery.slice(slash)
  resolveEscapes(rawPath)
  return { scheme, host, rawPath, rawQuery, text }
}

function takeScheme(text: string): { scheme: string; rest: string } {
  const found = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)
  if (found !== null) return { scheme: found[1]!.toLowerCase(), rest: text.slice(found[0].length) }
  if (text.startsWith(':')) throw new GoUrlError('missing protocol scheme')
  return { scheme: '', rest: text }
}

function parseAuthority(authority: string): string {
  const at = authority.lastIndexOf('@')
  if (at >= 0 && !/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(authority.slice(0, at))) {
    throw new GoUrlError('net/url: invalid userinfo')
  }
  if (at >= 0) resolveEscapes(authority.slice(0, at))
  return parseHost(authority.slice(at + 1))
}

function parseHost(host: string): string {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']')
    if (end < 0) throw new GoUrlError("missing ']' in host")
    checkPort(host.slice(end + 1))
  } else {
    const colon = host.lastIndexOf(':')
    if (colon >= 0) checkPort(host.slice(colon))
  }
  // Only bytes beyond ASCII may be escaped in a host; that of a zone is.
  const escaped = /%(?!25)[0-7][0-9a-fA-F]/.exec(host)
  if (escaped !== null) throw new GoUrlError(`invalid URL escape ${JSON.stringify(escaped[0])}`)
  const wrong = /[^A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%\u0080-\u{10ffff}]/u.exec(host)
  if (wrong !== null) throw new GoUrlError(`invalid character ${JSON.stringify(wrong[0])} in host name`)
  return resolveEscapes(host)
}

function checkPort(text: string): void {
  if (text !== '' && !/^:\d*$/.test(text)) throw new GoUrlError(`invalid port ${JSON.stringify(text)} after host`)
}

/** Resolves `%xx`. Throws where a percent sign is followed by anything else. */
function resolveEscapes(text: string, plusIsSpace = false): string {
  const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text)
  if (wrong !== null) throw new GoUrlError(`invalid URL escape ${JSON.stringify(wrong[0])}`)
  const spaced = plusIsSpace ? text.replaceAll('+', ' ') : text
  return spaced.replace(/(?:%[0-9a-fA-F]{2})+/g, run => {
    const bytes = Uint8Array.from(run.split('%').slice(1), hex => Number.parseInt(hex, 16))
    return new TextDecoder().decode(bytes)
  })
}

/** The host without the port, and without the brackets of IPv6. */
export function hostnameOf({ host }: GoUrl): string {
  const name = host.replace(/:\d*$/, '')
  const bare = host.startsWith('[') && !host.includes(']:') ? host : name
  return bare.startsWith('[') && bare.includes(']') ? bare.slice(1, bare.indexOf(']')) : bare
}

export const portOf = ({ host }: GoUrl): string => /(?:^|[^:]|\]):(\d+)$/.exec(host)?.[1] ?? ''

/** The path as it goes over the wire. */
export function escapedPathOf({ rawPath }: GoUrl): string {
  if (/^[A-Za-z0-9\-_.~!$&'()*+,;=:@/[\]%]*$/.test(rawPath)) return rawPath
  return rawPath.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@%]+/gu, run =>
    Array.from(new TextEncoder().encode(run), byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

/** The query's values by key; pairs that are wrong are left out. */
export function queryOf({ rawQuery }: GoUrl): Map<string, string[]> {
  const query = new Map<string, string[]>()
  for (const pair of rawQuery.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const equals = pair.indexOf('=')
    try {
      const key = resolveEscapes(equals < 0 ? pair : pair.slice(0, equals), true)
      const value = resolveEscapes(equals < 0 ? '' : pair.slice(equals + 1), true)
      query.set(key, [...(query.get(key) ?? []), value])
    } catch (error) {
      if (!(error instanceof GoUrlError)) throw error
    }
  }
  return query
}
