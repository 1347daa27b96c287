/** What a path and method ask for (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go). */
import { goQuote, parseFieldSelector, requiredFieldValue } from '@canopus/apimachinery'
import type { Route } from './routes.ts'

export interface RequestInfo {
  readonly isResourceRequest: boolean
  readonly path: string
  readonly verb: string
  /** `api` or `apis`; empty for other paths. */
  readonly prefix: string
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** Path segments behind the subresource, for proxies. */
  readonly rest: readonly string[]
  /** Where `rest` begins in the path; keeps what segments cannot tell (a trailing slash, escapes). */
  readonly restPath: string
  /** May be another request's too: never change it. */
  readonly query: URLSearchParams
  /** What it has in common with others; only where nothing but the name tells them apart. */
  readonly route?: Route
}

const NO_QUERY = new URLSearchParams()
const NO_REST: readonly string[] = []
const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** A path that says how, but not what. */
export class UnknownTargetError extends Error {
  constructor(path: string) {
    const why = `failed to create RequestInfo: unable to determine kind and namespace from url, ${path}`
    super(`Internal Server Error: ${goQuote(path)}: ${why}`)
    this.name = 'UnknownTargetError'
  }
}

/** Throws UnknownTargetError. */
export function requestInfo(method: string, path: string, rawQuery: string): RequestInfo {
  const query = queryOf(rawQuery)
  const parts = path.split('/')
  const segments = segmentsOf(path, parts)
  const grouped = segments[0] === 'apis'
  if (!(grouped || segments[0] === 'api') || segments.length < (grouped ? 4 : 3)) {
    return nonResource(method, path, query)
  }
  const version = grouped ? segments[2]! : segments[1]!
  let at = grouped ? 3 : 2
  let verb = VERBS[method] ?? ''
  const legacyWatch = segments[at] === 'watch'
  if (legacyWatch) {
    if (segments.length < at + 2) throw new UnknownTargetError(path)
    verb = 'watch'
    at++
  }
  let namespace = ''
  if (segments[at] === 'namespaces' && segments.length > at + 1) {
    namespace = segments[at + 1]!
    const next = segments[at + 2]
    if (next !== undefined && next !== 'status' && next !== 'finalize') at += 2
  }
  // By their numbers: taking an array apart costs as much as all the rest of this.
  const resource = segments[at] ?? ''
  const name = segments[at + 1] ?? ''
  const subresource = segments[at + 2] ?? ''
  return {
    isResourceRequest: true,
    path,
    verb: legacyWatch ? 'watch' : refineVerb(verb, name, query),
    prefix: segments[0]!,
    group: grouped ? segments[1]! : '',
    version,
    namespace,
    resource,
    subresource,
    name: name === '' ? nameOfSelector(verb, query) : name,
    rest: segments.length > at + 3 ? segments.slice(at + 3) : NO_REST,
    restPath:
      subresource === '' ? '' : `/${parts.slice(at + 4).join('/')}`.replace(/^\/$/, parts.length > at + 4 ? '/' : ''),
    query,
  }
}

const NO_ESCAPE = /%(?![0-9a-f]{2})/i

/** Whether escapes of a path are broken, which Go's server answers before anybody looks at the request. */
export const isBroken = (path: string): boolean => path.includes('%') && NO_ESCAPE.test(path)

/** A query as Go reads it: pairs with broken escapes or a semicolon are as if they had not come. */
export function queryOf(raw: string): URLSearchParams {
  if (raw === '') return NO_QUERY
  const odd = raw.includes(';') || raw.includes('%')
  const pairs = odd ? raw.split('&').filter(each => !each.includes(';') && !NO_ESCAPE.test(each)) : undefined
  return new URLSearchParams(pairs === undefined ? raw : pairs.join('&'))
}

/** What is no UTF-8 stays as near to it as a text can be. */
function unescaped(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return Buffer.from(
      path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ).toString()
  }
}

/** Escaped slashes separate as well as plain ones, and those at both ends do not count. */
function segmentsOf(path: string, parts: readonly string[]): string[] {
  const all = path.includes('%') ? unescaped(path).split('/') : parts
  let from = 1
  let to = all.length
  while (from < to && all[from] === '') from++
  while (to > from && all[to - 1] === '') to--
  return all.slice(from, to)
}

function nonResource(method: string, path: string, query: URLSearchParams): RequestInfo {
  return {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    prefix: '',
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    rest: NO_REST,
    restPath: '',
    query,
  }
}

function refineVerb(verb: string, name: string, query: URLSearchParams): string {
  if (name !== '') return verb
  if (verb === 'get') return isTrue(query.get('watch')) ? 'watch' : 'list'
  return verb === 'delete' ? 'deletecollection' : verb
}

/** What cannot be a segment of a path (k8s.io/apimachinery/pkg/api/validation/path). */
const NO_SEGMENT = /^\.\.?$|[/%]/

/** Lists and watches of one object by name are authorised by that name. */
function nameOfSelector(verb: string, query: URLSearchParams): string {
  const selector = verb === 'get' ? query.get('fieldSelector') : null
  if (selector === null || !selector.includes('metadata.name')) return ''
  try {
    const name = requiredFieldValue(parseFieldSelector(selector), 'metadata.name') ?? ''
    return NO_SEGMENT.test(name) ? '' : name
  } catch {
    return ''
  }
}

/** A query parameter, which means yes unless it says no (k8s.io/apimachinery/pkg/runtime/conversion.go). */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}
