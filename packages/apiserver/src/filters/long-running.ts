import type { RequestInfo } from './request-info.ts'

const SUBRESOURCES: ReadonlySet<string> = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

/** Requests that last as long as somebody is interested: they have no deadline, and no seat but for their beginning. */
export function isLongRunning({ verb, isResourceRequest, subresource, path }: RequestInfo): boolean {
  if (verb === 'watch' || verb === 'proxy') return true
  return isResourceRequest ? SUBRESOURCES.has(subresource) : path.startsWith('/debug/pprof/')
}

/** Requests that change nothing (server/filters/maxinflight.go). */
export function isReadOnly(verb: string): boolean {
  return verb === 'get' || verb === 'list' || verb === 'watch'
}
