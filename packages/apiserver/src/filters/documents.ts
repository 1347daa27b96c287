/** What is no resource: documents of this server. Some have a router with its own idea of methods and media types, others are just there. */
import { methodNotAllowedError } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { Aggregator } from '../aggregation/aggregator.ts'
import type { Discovery } from '../discovery/discovery.ts'
import { versionInfo } from '../discovery/version.ts'
import { checkProduces, TYPES } from '../encoding/negotiate.ts'
import { dumpFlowControl } from '../flow-control/dump.ts'
import type { Health } from '../health/health.ts'
import { type ApiResponse, indentedResponse, plainResponse } from '../http/message.ts'
import type { ServerMetrics } from '../metrics/server-metrics.ts'
import type { OpenApi } from '../openapi/openapi.ts'
import type { Call } from '../registry/call.ts'
import type { Resources } from '../registry/resources.ts'
import type { Security } from '../security.ts'
import { type FlagValues, serveFlagz } from '../zpages/flagz.ts'
import { type ProfilingOptions, serveProfiling } from '../zpages/profiling.ts'
import type { Statusz } from '../zpages/statusz.ts'
import type { Traffic } from './traffic.ts'

export interface DocumentFacts {
  readonly discovery: Discovery
  readonly health: Health
  readonly security: Security
  readonly openapi: OpenApi
  readonly metrics: ServerMetrics
  readonly resources: Resources
  readonly statusz: Statusz | undefined
  readonly flags: FlagValues | undefined
  readonly gitVersion: string
  readonly aggregator?: Aggregator
  readonly traffic: Traffic
  readonly clock: Clock
  /** Missing where nobody may look inside. */
  readonly profiling?: ProfilingOptions
}

/** Documents that upstream serves through go-restful, as it does objects: for GET alone, and slashes at the end do not count. */
const ROUTED =
  /^\/(version|api|api\/[^/]+|apis\/([^/]+)\/[^/]+|\.well-known\/openid-configuration|openid\/v1\/jwks)\/*$/
/** What lies behind these is theirs too, and is not there. */
const BELOW = /^\/(version|\.well-known\/openid-configuration|openid\/v1\/jwks)(\/|$)/

/** Whether it is a router that says of a path that there is nothing, with a Status. */
export const isRoutedDocument = (path: string): boolean => BELOW.test(path)

/** `undefined` where there is none. Throws StatusError 405 and 406. */
export async function serveDocument(facts: DocumentFacts, call: Call): Promise<ApiResponse | undefined> {
  const { request } = call
  const [, routed, group] = ROUTED.exec(request.path) ?? []
  // Custom groups have no routers.
  if (routed === undefined || (group !== undefined && !facts.resources.isBuiltIn(group))) return read(facts, call)
  const path = `/${routed}`
  const check = (): void => {
    if (request.method !== 'GET') throw methodNotAllowedError()
    checkProduces(request.headers, producedAt(path, facts.security))
  }
  try {
    const answer = await read(facts, call, path)
    if (answer !== undefined && answer.status < 400) check()
    return answer
  } catch (error) {
    // The document is there; what the router says of it comes first.
    check()
    throw error
  }
}

function producedAt(path: string, { documents }: Security): readonly string[] {
  if (path === '/version') return ['application/json']
  const document = documents?.get(path)
  return document === undefined ? TYPES : [document.contentType]
}

async function read(facts: DocumentFacts, call: Call, path = call.request.path): Promise<ApiResponse | undefined> {
  const { discovery, health, security, openapi, metrics, aggregator, gitVersion, statusz, flags } = facts
  const { request } = call
  if (path === '/version') return indentedResponse(200, versionInfo(gitVersion))
  if (path === '/' || path === '/index.html') return indentedResponse(200, { paths: rootPaths(facts) })
  if (path === '/flagz' && flags !== undefined) return serveFlagz(request, 'apiserver', flags)
  if (path === '/statusz' && statusz !== undefined) return statusz.serve(request, rootPaths(facts))
  if (path.startsWith('/debug/')) return debugging(facts, call)
  const document = security.documents?.get(path)
  if (document !== undefined) {
    const headers = { 'content-type': document.contentType, 'cache-control': `public, max-age=${document.maxAge()}` }
    return plainResponse(200, await document.body(), headers)
  }
  const figures = await metrics.serve(request)
  if (figures !== undefined) return figures
  return (
    openapi.serve(request) ??
    aggregator?.openApiDocument(call) ??
    discovery.serve(request) ??
    (await health.serve(request))
  )
}

/** Nothing of this is listed. */
async function debugging(
  { traffic, profiling, clock }: DocumentFacts,
  { request }: Call,
): Promise<ApiResponse | undefined> {
  const { flowControl } = traffic
  const table = flowControl && dumpFlowControl(flowControl, request.path, request.query, clock)
  if (table !== undefined) return plainResponse(200, table)
  return profiling && serveProfiling(profiling, request)
}

function rootPaths({ discovery, security, health, flags, statusz }: DocumentFacts): string[] {
  const paths = new Set([
    '/api',
    '/apis',
    '/apis/',
    ...health.paths,
    '/version',
    '/metrics',
    '/metrics/slis',
    ...(flags === undefined ? [] : ['/flagz']),
    ...(statusz === undefined ? [] : ['/statusz']),
    '/openapi/v2',
    '/openapi/v3',
    '/openapi/v3/',
  ])
  for (const { group, versions } of discovery.groups) {
    if (group !== '') paths.add(`/apis/${group}`)
    for (const { version } of versions) paths.add(group === '' ? `/api/${version}` : `/apis/${group}/${version}`)
  }
  for (const path of security.documents?.keys() ?? []) paths.add(path)
  return [...paths].sort()
}
