/** What a request asks, out of its header block (RFC 9113, section 8.3). */
import type { Headers } from '../message.ts'
import type { HeaderBlock } from './hpack-decoder.ts'

export interface RequestHead {
  readonly method: string
  /** Path and query, as they arrived. */
  readonly target: string
  /** Names in lower case, those that begin with a colon among them; values that came more than once joined. */
  readonly headers: Headers
  readonly list: readonly string[]
  /** What the body is said to have. */
  readonly length: number | undefined
}

const PSEUDO = new Set([':method', ':scheme', ':path', ':authority'])
/** Of these the first one counts, as with `node:http2`. */
const SINGLE = new Set([
  ...['age', 'authorization', 'content-encoding', 'content-language', 'content-length', 'content-location'],
  ...['content-md5', 'content-range', 'content-type', 'date', 'dnt', 'etag', 'expires', 'from', 'host', 'if-match'],
  ...['if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified', 'location'],
  ...[
    'max-forwards',
    'proxy-authorization',
    'range',
    'referer',
    'retry-after',
    'upgrade-insecure-requests',
    'user-agent',
  ],
])

/** Undefined where it is malformed: then the stream ends with PROTOCOL_ERROR. */
export function requestHead({ list, wellFormed }: HeaderBlock): RequestHead | undefined {
  if (!wellFormed) return undefined
  const headers: Record<string, string> = Object.create(null)
  let regular = false
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index]!
    const value = list[index + 1]!
    const before = headers[name]
    if (name.charCodeAt(0) === COLON) {
      if (regular || before !== undefined || !PSEUDO.has(name)) return undefined
    } else regular = true
    if (before === undefined) headers[name] = value
    else if (!SINGLE.has(name)) headers[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  const { ':method': method = '', ':path': target = '', ':scheme': scheme, 'content-length': length } = headers
  if (method === '' || scheme === undefined || !(target.startsWith('/') || target === '*')) return undefined
  if (length !== undefined && !/^\d+$/.test(length)) return undefined
  return { method, target, headers, list, length: length === undefined ? undefined : Number(length) }
}

const COLON = 58
