/** What a path and method ask for (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go). */
import { parseFieldSelector, requiredFieldValue } from '@canopus/apimachinery'
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
  readonly query: URLSearchParams
  /** What it has in common with others; only where nothing but the name tells them apart. */
  readonly route?: Route
}

export const NO_QUERY = new URLSearchParams()
const NO_REST: readonly string[] = []
const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** Throws URIError where an escape in the path is malformed. */
export function requestInfo(method: string, path: string, rawQuery: string): RequestInfo {
  const query = rawQuery === '' ? NO_QUERY : new URLSearchParams(rawQuery)
  const parts = path.split('/')
  const segments = path.includes('%') ? parts.slice(1).map(decodeURIComponent) : parts.slice(1)
  if (segments.at(-1) === '' && segments.length <= 5) segments.pop()
  const grouped = segments[0] === 'apis'
  if (!(grouped || segments[0] === 'api') || segments.length < (grouped ? 4 : 3)) {
    return nonResource(method, path, query)
  }
  const version = grouped ? segments[2]! : segments[1]!
  let at = grouped ? 3 : 2
  let verb = VERBS[method] ?? ''
  const legacyWatch = segments[at] === 'watch' && segments.length > at + 1
  if (legacyWatch) {
    verb = 'watch'
    at++
  }
  let namespace = ''
  if (segments[at] === 'namespaces' && segments[at + 1] !== undefined && segments[at + 1] !== '') {
    namespace = segments[at + 1]!
    const next = segments[at + 2]
    if (next !== undefined && next !== '' && next !== 'status' && next !== 'finalize') at += 2
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
