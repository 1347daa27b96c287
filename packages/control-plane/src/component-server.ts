/**
 * What a component other than the API server serves: its health to everybody, its figures to those whom the API server lets
 * read them (k8s.io/component-base, k8s.io/apiserver with delegated authentication and authorization).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { SubjectAccessReviews, TokenReviews } from '@canopus/api'
import { StatusError, unauthorizedError } from '@canopus/apimachinery'
import {
  type ApiResponse,
  errorResponse,
  type FlagValues,
  type Headers,
  Health,
  type HealthCheck,
  jsonResponse,
  METRICS_RESET,
  METRICS_TYPE,
  type ProfilingOptions,
  registerBuildInfo,
  registerOwnFamilies,
  Statusz,
  serveFlagz,
  serveProfiling,
} from '@canopus/apiserver'
import { type Clock, type Logger, LruCache, MetricsRegistry } from '@canopus/base'
import type { Client } from '@canopus/client'
import {
  type CertifiedKey,
  type NamedCertificate,
  NamedContexts,
  registerProcessMetrics,
  type TlsPolicy,
} from '@canopus/platform'

import { askedOf } from './debug-socket.ts'

/** What is shown to clients. */
export interface ShownCertificates extends CertifiedKey {
  /** Others, for clients that ask for their names. */
  readonly named?: readonly NamedCertificate[]
}

export interface ComponentServerOptions extends ShownCertificates {
  /** Upstream's name of the component. */
  readonly component: string
  /** With which flags it runs. */
  readonly flags: FlagValues
  readonly address: string
  readonly port: number
  /** Authorities whose client certificates are accepted; PEM. */
  readonly clientCa?: string
  readonly tlsPolicy?: TlsPolicy
  /** Paths that need no permission; a star at the end covers what is below. */
  readonly alwaysAllowed: readonly string[]
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricsRegistry
  /** What `/configz` tells, by name; there is no such page where missing. */
  readonly configuration?: Readonly<Record<string, unknown>>
  /** What has to be well for `/readyz`, in place of what never fails. */
  readonly readiness?: readonly HealthCheck[]
  /** By what `/debug/pprof` is answered; there is no such page where missing. */
  readonly profiling?: ProfilingOptions
  /** Whom to ask about tokens and permissions; `client` where missing. */
  readonly reviewers?: { readonly authentication?: Client; readonly authorization?: Client }
  /** For how long answers about tokens and permissions are believed, in milliseconds; 10,000 each where missing. */
  readonly believed?: { readonly tokens: number; readonly allowed: number; readonly denied: number }
  /** Whether DELETE of `/metrics` resets what was counted: the scheduler's does. That of `/metrics/slis` always does. */
  readonly resetsMetrics?: boolean
}

export interface ComponentServer {
  readonly port: number
  /** Other certificates, for connections from now on. */
  setCertificates(shown: ShownCertificates): void
  close(): Promise<void>
}

/** Rejects where the port cannot be listened on. */
export async function startComponentServer(options: ComponentServerOptions): Promise<ComponentServer> {
  const { metrics, clientCa, tlsPolicy, port, address, resetsMetrics = false } = options
  const slis = new MetricsRegistry()
  const { readiness = [] } = options
  const health = new Health(() => readiness, undefined, readiness.length === 0 ? 'all' : 'live')
  health.register(slis)
  registerBuildInfo(metrics)
  registerOwnFamilies(metrics)
  registerProcessMetrics(metrics)
  const access = new Access(options)
  const contexts = new NamedContexts()
  const ca = clientCa === undefined ? {} : { ca: [clientCa] }
  const show = ({ certificate, key, named }: ShownCertificates): SecureContextOptions => {
    contexts.set(named ?? [], ca.ca, tlsPolicy)
    return { ...tlsPolicy, cert: certificate, key, ...ca }
  }
  const { component, flags, clock } = options
  const statusz = new Statusz(clock, component)
  const served = {
    health,
    metrics,
    slis,
    resetsMetrics,
    component,
    flags,
    statusz,
    configuration: options.configuration,
    profiling: options.profiling,
  }
  const server = createServer({
    ...show(options),
    SNICallback: contexts.callback,
    requestCert: clientCa !== undefined,
    rejectUnauthorized: false, // who has no certificate may have a token
  })
  server.on('request', (request, response) => {
    respond(request, response, access, served).catch(error => {
      options.logger.error('a request failed', { path: request.url, error })
      response.destroy()
    })
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    setCertificates: shown => server.setSecureContext(show(shown)),
    close: () =>
      new Promise(done => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

interface Served {
  readonly health: Health
  readonly metrics: MetricsRegistry
  readonly slis: MetricsRegistry
  readonly resetsMetrics: boolean
  readonly component: string
  readonly flags: FlagValues
  readonly statusz: Statusz
  readonly configuration: Readonly<Record<string, unknown>> | undefined
  readonly profiling: ProfilingOptions | undefined
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  access: Access,
  served: Served,
): Promise<void> {
  const { health, metrics, slis, resetsMetrics } = served
  const [path = '/', query = ''] = (request.url ?? '/').split('?')
  const refusal = await access.refusal(request, path)
  if (refusal !== undefined)
    return send(response, errorResponse({ headers: request.headers as Headers, query }, refusal))
  const registry = path === '/metrics' ? metrics : path === '/metrics/slis' ? slis : undefined
  if (registry !== undefined) {
    if (request.method !== 'DELETE' || (registry === metrics && !resetsMetrics)) {
      return text(response, 200, registry.text(), METRICS_TYPE)
    }
    registry.reset()
    return text(response, 200, METRICS_RESET)
  }
  const profile = served.profiling && (await serveProfiling(served.profiling, askedOf(request, path, query)))
  if (profile !== undefined) return send(response, profile)
  const answer = page(path, request.headers, served) ?? (await health.serve({ path, query }))
  if (answer === undefined) return text(response, 404, '404 page not found\n')
  send(response, answer)
}

function send(response: ServerResponse, { status, headers, body }: ApiResponse): void {
  response.writeHead(status, headers).end(body instanceof Uint8Array ? body : Buffer.concat([...(body ?? [])]))
}

const PATHS = ['/flagz', '/healthz', '/livez', '/metrics', '/metrics/slis', '/readyz']

/** What the component tells of itself; undefined for other paths. */
function page(
  path: string,
  headers: Headers,
  { component, flags, statusz, configuration }: Served,
): ApiResponse | undefined {
  try {
    if (path === '/configz' && configuration !== undefined) return jsonResponse(200, configuration)
    if (path === '/flagz') return serveFlagz({ headers }, component, flags)
    return path === '/statusz'
      ? statusz.serve({ headers }, configuration === undefined ? PATHS : ['/configz', ...PATHS])
      : undefined
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return jsonResponse(error.code, error.status)
  }
}

function text(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(body)
}

interface Who {
  readonly name: string
  readonly groups: readonly string[]
}

const ANONYMOUS: Who = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
const BELIEVED = { tokens: 10_000, allowed: 10_000, denied: 10_000 }

/** Who asks, and may they: both are the API server's to say, and remembered for ten seconds, if nothing else is said, as upstream. */
class Access {
  readonly #options: ComponentServerOptions
  readonly #tokens = new LruCache<string, { until: number; who: Who | undefined }>({ capacity: 256 })
  readonly #verdicts = new LruCache<string, { until: number; allowed: boolean }>({ capacity: 256 })

  constructor(options: ComponentServerOptions) {
    this.#options = options
  }

  /** What is answered instead, where somebody may not read it. A wrong credential is one wherever it is shown. */
  async refusal(request: IncomingMessage, path: string): Promise<StatusError | undefined> {
    const who = await this.#who(request)
    if (who === undefined) return unauthorizedError()
    const open = (each: string): boolean => (each.endsWith('*') ? path.startsWith(each.slice(0, -1)) : path === each)
    if (this.#options.alwaysAllowed.some(open)) return undefined
    const verb = (request.method ?? 'GET').toLowerCase()
    if (await this.#allowed(who, verb, path)) return undefined
    const message = `forbidden: User ${JSON.stringify(who.name)} cannot ${verb} path ${JSON.stringify(path)}`
    return new StatusError({ code: 403, reason: 'Forbidden', message, details: {} })
  }

  async #who(request: IncomingMessage): Promise<Who | undefined> {
    const socket = request.socket as TLSSocket
    if (socket.authorized) {
      const { subject } = socket.getPeerCertificate()
      const groups = subject?.O === undefined ? [] : [subject.O].flat()
      if (subject?.CN) return { name: [subject.CN].flat()[0]!, groups: [...groups, 'system:authenticated'] }
    }
    const token = /^bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (token === undefined) return ANONYMOUS
    const now = this.#options.clock.monotonic()
    const known = this.#tokens.get(token)
    if (known !== undefined && known.until > now) return known.who
    const review = await (this.#options.reviewers?.authentication ?? this.#options.client)
      .resource(TokenReviews)
      .create({ metadata: {}, spec: { token } })
    const { authenticated, user } = review.status ?? {}
    const who = authenticated && user?.username ? { name: user.username, groups: user.groups ?? [] } : undefined
    this.#tokens.set(token, { until: now + (this.#options.believed ?? BELIEVED).tokens, who })
    return who
  }

  async #allowed({ name, groups }: Who, verb: string, path: string): Promise<boolean> {
    const id = JSON.stringify([name, groups, verb, path])
    const now = this.#options.clock.monotonic()
    const known = this.#verdicts.get(id)
    if (known !== undefined && known.until > now) return known.allowed
    const review = await (this.#options.reviewers?.authorization ?? this.#options.client)
      .resource(SubjectAccessReviews)
      .create({
        metadata: {},
        spec: { user: name, groups: [...groups], nonResourceAttributes: { verb, path } },
      })
    const allowed = review.status?.allowed === true
    const { allowed: yes, denied: no } = this.#options.believed ?? BELIEVED
    this.#verdicts.set(id, { until: now + (allowed ? yes : no), allowed })
    return allowed
  }
}
