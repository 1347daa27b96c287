/**
 * What requests for one collection and its objects have in common. Taking a path apart, and the names under which flows and
 * figures are kept, cost more than looking them up; and clients ask for the same collections again and again.
 */
import { type RequestInfo, requestInfo } from './request-info.ts'

/** One verb on one collection, or on objects of it, with one query: by its identity others keep what they found out about it. */
export interface Route {
  readonly verb: string
  readonly prefix: string
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly query: URLSearchParams
}

/** So many are remembered, then all are forgotten: anybody may ask for what does not exist. */
const MOST_ROUTES = 2048
/** Longer paths and queries are taken apart each time, lest they fill the memory. */
const LONGEST_PATH = 512

/** Of one method and query, by the path of the collection. */
interface Known {
  readonly collections: Map<string, Route>
  readonly objects: Map<string, Route>
}

/** Of one method, by the query. */
type Queries = Map<string, Known>

/** A route that was asked for lately. */
interface Latest {
  readonly method: string
  readonly query: string
  /** Of the collection. */
  readonly path: string
  readonly isOfObjects: boolean
  readonly route: Route
}

/** A client that asks for one object after the other has no more: the last of each kind of question. */
const MOST_LATEST = 4

export class Routes {
  readonly #known = new Map<string, Queries>()
  readonly #latest: Latest[] = []
  #next = 0
  #size = 0

  /** As `requestInfo`; with a route where the path is that of a collection or object and others are likely to ask with the same query. */
  infoOf(method: string, path: string, query: string): RequestInfo {
    // A client writes with the same few queries all the time; those of reads have revisions, limits and the like.
    if (query !== '' && READS.has(method)) return requestInfo(method, path, query)
    return this.lately(method, path, query) ?? this.found(method, path, query)
  }

  /** Looked for by comparing, which needs no part of the path as a text of its own. */
  private lately(method: string, path: string, query: string): RequestInfo | undefined {
    for (const latest of this.#latest) {
      if (latest.method !== method || latest.query !== query || !path.startsWith(latest.path)) continue
      const { route } = latest
      const end = latest.path.length
      if (!latest.isOfObjects && path.length === end) return infoOf(route, path, '')
      if (!latest.isOfObjects || path.length < end + 2 || path.lastIndexOf('/') !== end || path.includes('%')) continue
      return infoOf(route, path, path.slice(end + 1))
    }
    return undefined
  }

  private remember(latest: Latest): void {
    this.#latest[this.#next] = latest
    this.#next = (this.#next + 1) % MOST_LATEST
  }

  private found(method: string, path: string, query: string): RequestInfo {
    const known = this.#known.get(method)?.get(query)
    if (known !== undefined) {
      const slash = path.lastIndexOf('/')
      const before = path.slice(0, slash)
      const objects = known.objects.get(before)
      if (objects !== undefined && slash + 1 < path.length && !path.includes('%')) {
        this.remember({ method, query, path: before, isOfObjects: true, route: objects })
        return infoOf(objects, path, path.slice(slash + 1))
      }
      const collection = known.collections.get(path)
      if (collection !== undefined) {
        this.remember({ method, query, path, isOfObjects: false, route: collection })
        return infoOf(collection, path, '')
      }
    }
    const info = requestInfo(method, path, query)
    const { resource, name, namespace } = info
    if (!info.isResourceRequest || resource === '' || path.length > LONGEST_PATH || path.includes('%')) return info
    if (query.length > LONGEST_PATH) return info
    if (name === '') return path.endsWith(`/${resource}`) ? this.keep('collections', method, path, query, info) : info
    // The name of a namespace is its namespace too, which differs from path to path.
    if (path.endsWith(`/${resource}/${name}`) && !(resource === 'namespaces' && namespace === name))
      return this.keep('objects', method, path.slice(0, -name.length - 1), query, info)
    return info
  }

  private keep(kind: keyof Known, method: string, path: string, asked: string, info: RequestInfo): RequestInfo {
    if (++this.#size > MOST_ROUTES) {
      this.#known.clear()
      this.#latest.length = 0
      this.#next = 0
      this.#size = 1
    }
    const { verb, prefix, group, version, namespace, resource, query } = info
    const route: Route = { verb, prefix, group, version, namespace, resource, query }
    this.knownOf(method, asked)[kind].set(path, route)
    return infoOf(route, info.path, info.name)
  }

  private knownOf(method: string, query: string): Known {
    let queries = this.#known.get(method)
    if (queries === undefined) {
      queries = new Map()
      this.#known.set(method, queries)
    }
    let known = queries.get(query)
    if (known === undefined) {
      known = { collections: new Map(), objects: new Map() }
      queries.set(query, known)
    }
    return known
  }
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD'])
const NO_REST: readonly string[] = []

function infoOf(route: Route, path: string, name: string): RequestInfo {
  const { verb, prefix, group, version, namespace, resource, query } = route
  return {
    isResourceRequest: true,
    path,
    verb,
    prefix,
    group,
    version,
    namespace,
    resource,
    subresource: '',
    name,
    rest: NO_REST,
    restPath: '',
    query,
    route,
  }
}
