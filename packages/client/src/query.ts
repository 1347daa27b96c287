/** How options of the client become the query of a request (k8s.io/apimachinery/pkg/apis/meta/v1 ListOptions and friends). */
import type { ListQuery, WatchQuery, WriteQuery } from './client.ts'

type Parameters = Record<string, string | number | boolean | undefined>

/** `?a=1&b=2`, or nothing where every value is undefined. */
export function queryString(parameters: Parameters): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') parts.push(`${name}=${encodeURIComponent(String(value))}`)
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

export function listParameters(options: ListQuery): Parameters {
  return {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
  }
}

export function watchParameters(options: WatchQuery): Parameters {
  return {
    ...listParameters(options),
    watch: true,
    allowWatchBookmarks: options.allowWatchBookmarks,
    sendInitialEvents: options.sendInitialEvents,
    timeoutSeconds: options.timeoutSeconds,
  }
}

export function writeParameters(options: WriteQuery & { force?: boolean }): Parameters {
  return {
    dryRun: options.dryRun ? 'All' : undefined,
    fieldManager: options.fieldManager,
    force: options.force,
  }
}
