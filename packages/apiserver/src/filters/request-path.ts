/** The way of a request: who, may they, what is it, do it; and whatever goes wrong becomes a Status. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { badRequestError, internalError, StatusError, serviceUnavailableError } from '@canopus/apimachinery'
import { type Clock, type Logger, type Random, uuid } from '@canopus/base'
import { CompactedError } from '@canopus/store'
import type { Discovery } from '../discovery/discovery.ts'
import { versionInfo } from '../discovery/version.ts'
import type { Health } from '../health/health.ts'
import { type ApiRequest, type ApiResponse, BodyAborted, header, jsonResponse, textResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Resources } from '../registry/resources.ts'
import { errorResponse } from '../registry/respond.ts'
import type { Security, User } from '../security.ts'
import { authenticate, impersonate } from './authentication.ts'
import { authorize } from './authorization.ts'
import { type RequestInfo, requestInfo } from './request-info.ts'
import { withWarnings } from './warnings.ts'

export interface RequestPathOptions {
  readonly security: Security
  readonly resources: Resources
  readonly discovery: Discovery
  readonly health: Health
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Whether the caches are filled. */
  ready(): boolean
}

export class RequestPath {
  readonly #options: RequestPathOptions

  constructor(options: RequestPathOptions) {
    this.#options = options
  }

  async handle(request: ApiRequest): Promise<ApiResponse> {
    const warnings: string[] = []
    try {
      const call = await this.admit(request, warnings)
      const response = await this.dispatch(call)
      return this.finish(request, withWarnings(response, warnings))
    } catch (error) {
      if (error instanceof BodyAborted) throw error
      return this.finish(request, withWarnings(this.failure(request, error), warnings))
    }
  }

  /** Exec, attach and port-forward over HTTP/1.1. */
  upgrade(request: ApiRequest, _message: IncomingMessage, socket: Duplex, _head: Buffer): void {
    this.handle(request).then(
      () => socket.destroy(),
      () => socket.destroy(),
    )
  }

  /** Authentication, impersonation and authorisation. */
  private async admit(request: ApiRequest, warnings: string[]): Promise<Call> {
    const { security } = this.#options
    const info = readInfo(request)
    let user: User | Promise<User> = authenticate(security.authenticator, request)
    if (user instanceof Promise) user = await user
    let acting: User | Promise<User> = impersonate(security.authorizer, request, user)
    if (acting instanceof Promise) acting = await acting
    const allowed = authorize(security.authorizer, acting, info)
    if (allowed instanceof Promise) await allowed
    return { user: acting, info, request, warnings }
  }

  private async dispatch(call: Call): Promise<ApiResponse> {
    const { info, request } = call
    if (!info.isResourceRequest) return this.document(request)
    const { resources, ready } = this.#options
    if (!ready()) throw serviceUnavailableError('the server is starting: its caches are not filled yet')
    const endpoint = resources.endpoint(info.group, info.version, info.resource)
    if (endpoint === undefined || misplaced(endpoint.kind.type.namespaced, info)) return notFoundPage()
    return endpoint.serve(call)
  }

  private async document(request: ApiRequest): Promise<ApiResponse> {
    const { discovery, health, security, resources } = this.#options
    const { path, method } = request
    if (method !== 'GET' && method !== 'HEAD') return notFoundPage()
    if (path === '/version' || path === '/version/') return jsonResponse(200, versionInfo())
    if (path === '/') return jsonResponse(200, { paths: rootPaths(resources, security) })
    const document = security.documents?.get(path)
    if (document !== undefined) {
      return textResponse(200, await document.body(), { 'content-type': document.contentType })
    }
    return discovery.serve(request) ?? (await health.serve(request)) ?? notFoundPage()
  }

  private failure(request: ApiRequest, error: unknown): ApiResponse {
    const { headers } = request
    if (error instanceof StatusError) return errorResponse(headers, error)
    if (error instanceof URIError) return errorResponse(headers, badRequestError('the path cannot be read'))
    if (error instanceof CompactedError) {
      const message = 'the requested revision is no longer there'
      return errorResponse(headers, new StatusError({ code: 410, reason: 'Expired', message }))
    }
    this.#options.logger.error('a request failed', { method: request.method, path: request.path, error })
    return errorResponse(headers, internalError(error instanceof Error ? error.message : String(error)))
  }

  private finish(request: ApiRequest, response: ApiResponse): ApiResponse {
    const auditId = header(request.headers, 'audit-id') ?? uuid(this.#options.random)
    return { ...response, headers: { 'audit-id': auditId, 'cache-control': 'no-cache, private', ...response.headers } }
  }
}

function readInfo(request: ApiRequest): RequestInfo {
  return requestInfo(request.method, request.path, request.query)
}

/** Namespaced objects have no path outside their namespace, and the other way round. */
function misplaced(namespaced: boolean, info: RequestInfo): boolean {
  if (!namespaced) return info.namespace !== '' && info.resource !== 'namespaces'
  return info.namespace === '' && ((info.verb !== 'list' && info.verb !== 'watch') || info.path.split('/').length > 6)
}

export function notFoundPage(): ApiResponse {
  return textResponse(404, '404 page not found\n')
}

function rootPaths(resources: Resources, security: Security): string[] {
  const paths = new Set([
    '/api',
    '/apis',
    '/healthz',
    '/livez',
    '/readyz',
    '/version',
    '/metrics',
    '/openapi/v2',
    '/openapi/v3',
  ])
  for (const { group, version } of resources.types) {
    if (group === '') paths.add(`/api/${version}`)
    else paths.add(`/apis/${group}`).add(`/apis/${group}/${version}`)
  }
  for (const path of security.documents?.keys() ?? []) paths.add(path)
  return [...paths].sort()
}
