/** Documents that clients may ask for with conditions, or a part of, as Go's net/http answers (fs.go, ServeContent). */
import { type ApiRequest, type ApiResponse, header } from './message.ts'

export interface Content {
  readonly body: Uint8Array | readonly Uint8Array[]
  readonly contentType: string
  /** In quotes. */
  readonly etag?: string
  /** Milliseconds since 1970. */
  readonly modified: number
  readonly vary?: string | string[]
}

/** All of it, the part that was asked for (206, 416), or that it is what the client has (304). */
export function serveContent(request: ApiRequest, content: Content): ApiResponse {
  const { body, contentType, etag, modified, vary } = content
  const kept = { ...(etag === undefined ? {} : { etag }), ...(vary === undefined ? {} : { vary }) }
  const lastModified = { 'last-modified': new Date(modified).toUTCString() }
  if (isKnown(request, content))
    return { status: 304, headers: etag === undefined ? { ...kept, ...lastModified } : kept }
  const headers = { 'content-type': contentType, ...kept, 'accept-ranges': 'bytes', ...lastModified }
  const asked = header(request.headers, 'range')
  if (asked === undefined || header(request.headers, 'if-range') !== undefined) return { status: 200, headers, body }
  const whole = body instanceof Uint8Array ? body : Buffer.concat(body)
  const part = partOf(asked, whole.byteLength)
  if (part === undefined) return { status: 200, headers, body }
  const size = whole.byteLength
  if (part === 'beyond') {
    return {
      status: 416,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'content-range': `bytes */${size}` },
      body: Buffer.from('invalid range: failed to overlap\n'),
    }
  }
  const [from, to] = part
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${from}-${to - 1}/${size}` },
    body: whole.subarray(from, to),
  }
}

/** What is told by its name is not asked for by its time. */
function isKnown({ method, headers }: ApiRequest, { etag, modified }: Content): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  const names = header(headers, 'if-none-match')
  if (names !== undefined && names !== '') return namesOne(names, etag)
  const since = Date.parse(header(headers, 'if-modified-since') ?? '')
  return Math.floor(modified / 1000) * 1000 <= since
}

/** Whether a list of names has this one; weak ones count. */
function namesOne(names: string, etag: string | undefined): boolean {
  const list = /\s*(?:,\s*)*(\*|(?:W\/)?"[^"\s]*")/y
  for (let match = list.exec(names); match !== null; match = list.exec(names)) {
    if (match[1] === '*') return true
    if (etag !== undefined && match[1]!.replace(/^W\//, '') === etag.replace(/^W\//, '')) return true
  }
  return false
}

/** The one part that is asked for; of several, and of what is not understood, nothing is made but the whole. */
function partOf(asked: string, size: number): readonly [from: number, to: number] | 'beyond' | undefined {
  const match = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/.exec(asked)
  if (match === null || (match[1] === '' && match[2] === '')) return undefined
  const [, first, last] = match
  if (first === '') return [Math.max(0, size - Number(last)), size]
  const from = Number(first)
  if (from >= size) return 'beyond'
  const to = last === '' ? size : Math.min(Number(last) + 1, size)
  return to <= from ? undefined : [from, to]
}
