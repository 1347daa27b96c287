/**
 * Calls webhooks: JSON is POSTed, JSON comes back (k8s.io/apiserver/pkg/util/webhook/client.go). Services are dialled at an
 * address that the resolver gives and must show a certificate for `<service>.<namespace>.svc`.
 */
import { posix } from 'node:path'
import type { WebhookClientConfig } from '@canopus/api/admissionregistration/v1'
import { encodeJson, JsonSyntaxError, parseJson } from '@canopus/apimachinery'
import { type Clock, messageOf } from '@canopus/base'
import type { Transport } from '@canopus/client'
import { type Trust, trusting } from '@canopus/platform'
import type { Dispatcher } from 'undici'
import type { Egress } from '../egress/egress.ts'
import { type Connector, overDialer } from '../egress/over-dialer.ts'
import { traced, traceHeaders } from '../tracing/span.ts'
import type { WebhookCredentials, WebhookCredentialsFor } from './credentials.ts'
import { answerProblem, transportProblem } from './problems.ts'
import type { ServiceResolver } from './service-resolver.ts'
import { SharedHttp2 } from './shared-http2.ts'

/** Whom to call, as webhook configurations and definitions of custom resources say it. `caBundle` is base64. */
export type WebhookTarget = Pick<WebhookClientConfig, 'url' | 'service' | 'caBundle'>

/** Why there is no answer; the message reads as upstream's. */
export class WebhookCallError extends Error {
  /** The HTTP status that it comes to where there was an answer. */
  readonly code: number
  /** Whether there was an answer over HTTP. */
  readonly answered: boolean
  constructor(message: string, code?: number) {
    super(message)
    this.name = 'WebhookCallError'
    this.code = code ?? 500
    this.answered = code !== undefined
  }
}

export interface WebhookCaller {
  /**
   * Sends `body` and reads the answer, within so many seconds, of which it is told whole ones; with the credentials that there
   * are for the host. Throws WebhookCallError, or WebhookCredentialsError.
   */
  call(
    target: WebhookTarget,
    body: unknown,
    timeoutSeconds: number,
    credentials?: WebhookCredentialsFor,
  ): Promise<unknown>
  /** Ends idle connections and those in use. */
  close(): void
}

export interface WebhookClientOptions {
  readonly resolver: ServiceResolver
  readonly clock: Clock
  /** Requests to this API server itself: to `kubernetes.default.svc`, behind which an extension API server may be meant. */
  readonly loopback?: Transport
  /** How webhooks are reached: those behind services by `cluster`, those with a URL by `controlplane`. */
  readonly egress?: Egress | undefined
}

/** Connections are kept for so many targets. */
const MOST_AGENTS = 200

/** Where to send a request: the URL as it is called, and whom the certificate must name. */
interface Address {
  readonly origin: string
  /** With the port. */
  readonly host: string
  readonly path: string
  readonly service?: { readonly namespace: string; readonly name: string; readonly port: number }
}

const DEFAULT_PORT = 443

function addressOf({ url, service }: WebhookTarget, timeoutSeconds: number): Address {
  const query = timeoutSeconds > 0 ? `?timeout=${Math.ceil(timeoutSeconds)}s` : ''
  if (service !== undefined) {
    const { namespace, name, path = '', port = DEFAULT_PORT } = service
    const host = `${serverName(namespace, name)}:${port}`
    return {
      origin: `https://${host}`,
      host,
      path: `${cleaned(path)}${query}`,
      service: { namespace, name, port },
    }
  }
  if (!url) throw new WebhookCallError('webhook configuration must have either service or URL')
  if (!URL.canParse(url)) throw new WebhookCallError(`Unparsable URL: ${url}`)
  const parsed = new URL(url)
  const host = `${parsed.hostname}:${parsed.port || DEFAULT_PORT}`
  return { origin: parsed.origin, host, path: `${cleaned(parsed.pathname)}${query}` }
}

/** As Go's `path.Join` makes it: one slash where several stand, none at the end. */
const cleaned = (path: string): string => posix.join('/', path).replace(/(?<=.)\/$/, '')

const serverName = (namespace: string, name: string): string => `${name}.${namespace}.svc`

/** How long a connection that nobody uses is kept, in milliseconds, as Go's clients do. */
const IDLE = 90_000

class UndiciCaller implements WebhookCaller {
  readonly #options: WebhookClientOptions
  /** By whom is called and whom is trusted; the one used longest ago comes first. */
  readonly #agents = new Map<string, WebhookAgent>()

  constructor(options: WebhookClientOptions) {
    this.#options = options
  }

  async call(
    target: WebhookTarget,
    body: unknown,
    timeoutSeconds: number,
    credentials?: WebhookCredentialsFor,
  ): Promise<unknown> {
    const address = addressOf(target, timeoutSeconds)
    const as = credentials === undefined ? undefined : credentialsFor(address.host, credentials)
    const deadline = new AbortController()
    const timer = this.#options.clock.setTimer(timeoutSeconds * 1000, () => deadline.abort())
    const url = `${address.origin}${address.path}`
    try {
      const facts = () => ({ 'http.request.method': 'POST', 'url.full': url, 'server.address': address.origin })
      return await traced('HTTP POST', 'client', facts, () => {
        const text = encodeJson(body)
        if (this.#options.loopback !== undefined && address.host === ITSELF) {
          return askItself(this.#options.loopback, address.path, text, deadline.signal)
        }
        return this.ask(target, address, text, deadline.signal, as)
      })
    } catch (error) {
      if (error instanceof WebhookCallError) throw error
      const why = deadline.signal.aborted ? 'context deadline exceeded' : transportProblem(error, address.origin)
      throw new WebhookCallError(`Post ${JSON.stringify(url)}: ${why}`)
    } finally {
      timer.cancel()
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  private async ask(
    target: WebhookTarget,
    address: Address,
    body: string,
    signal: AbortSignal,
    as: WebhookCredentials | undefined,
  ): Promise<unknown> {
    const agent = await this.agentFor(target, address, as)
    const {
      statusCode,
      headers,
      body: answer,
    } = await agent.dispatcher.request({
      origin: address.origin,
      path: address.path,
      method: 'POST',
      headers: { ...HEADERS, ...as?.headers, ...traceHeaders() } as Record<string, string | string[]>,
      body,
      signal,
    })
    return readAnswer(statusCode, await answer.text(), String(headers['content-type'] ?? ''))
  }

  private async agentFor(
    { caBundle = '' }: WebhookTarget,
    { origin, service }: Address,
    { cert = '', key = '' }: Partial<WebhookCredentials> = {},
  ): Promise<WebhookAgent> {
    const id = [origin, service === undefined ? '' : 'service', caBundle, cert, key].join('\n')
    const known = this.#agents.get(id)
    if (known !== undefined) {
      this.#agents.delete(id)
      this.#agents.set(id, known)
      return known
    }
    const made = await makeAgent(tlsOf(caBundle, cert, key), service, this.#options)
    // Somebody else may have been faster while the library was read.
    const other = this.#agents.get(id)
    if (other !== undefined) return other
    this.#agents.set(id, made)
    if (this.#agents.size > MOST_AGENTS) {
      const [[oldest, agent]] = this.#agents as unknown as [[string, WebhookAgent]]
      this.#agents.delete(oldest)
      agent.close()
    }
    return made
  }
}

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, */*',
  'user-agent': 'kube-apiserver-admission',
}

interface TlsMaterial extends Partial<Trust<string>> {
  cert?: string
  key?: string
}

function tlsOf(caBundle: string, cert: string, key: string): TlsMaterial {
  const ca = Buffer.from(caBundle, 'base64').toString().trim()
  return { ...(ca === '' ? {} : trusting(ca)), ...(cert === '' ? {} : { cert, key }) }
}

/** As Go's clients do; where the answer is 307 or 308 the review is sent there too. */
const MOST_REDIRECTIONS = 10

/** Connections to one webhook. */
interface WebhookAgent {
  readonly dispatcher: Dispatcher
  /** Once what is being asked is answered. */
  close(): void
  destroy(): void
}

/** The library is read when the first webhook is called: most clusters have none. */
async function makeAgent(
  tls: TlsMaterial,
  service: Address['service'],
  { resolver, clock, egress = {} }: WebhookClientOptions,
): Promise<WebhookAgent> {
  const { Agent, buildConnector, interceptors } = await import('undici')
  const servername = service === undefined ? {} : { servername: serverName(service.namespace, service.name) }
  const reached = (connector: Connector): Connector =>
    overDialer(connector, service === undefined ? egress.controlplane : egress.cluster)
  const connect = reached(buildConnector({ ...tls, ...servername, allowH2: false, timeout: 0 }))
  const shared =
    service === undefined
      ? new SharedHttp2(clock, reached(buildConnector({ ...tls, allowH2: true, preferH2: true, timeout: 0 })))
      : undefined
  const agent = new Agent({
    keepAliveTimeout: IDLE,
    keepAliveMaxTimeout: IDLE,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) => {
      const spare = shared?.takeSpare(`${options.protocol}//${options.host}`)
      if (spare !== undefined) return queueMicrotask(() => callback(null, spare))
      if (service === undefined || options.hostname !== serverName(service.namespace, service.name)) {
        return connect(options, callback)
      }
      try {
        const { host, port } = resolver.resolve(service.namespace, service.name, service.port)
        return connect({ ...options, hostname: host, host: `${host}:${port}`, port: String(port) }, callback)
      } catch (error) {
        return callback(error as Error, null)
      }
    },
  })
  agent.on('disconnect', ({ origin }) => {
    if ((agent.stats[origin]?.connected ?? 0) === 0) shared?.forget(origin)
  })
  const redirects = interceptors.redirect({ maxRedirections: MOST_REDIRECTIONS })
  return {
    dispatcher: shared === undefined ? agent.compose(redirects) : agent.compose(shared.interceptor, redirects),
    close: () => {
      shared?.end('close')
      void agent.close()
    },
    destroy: () => {
      shared?.end('destroy')
      void agent.destroy()
    },
  }
}

/** What the API server is called by those in the cluster. */
const ITSELF = 'kubernetes.default.svc:443'

async function askItself(loopback: Transport, path: string, body: string, signal: AbortSignal): Promise<unknown> {
  const headers = { ...HEADERS, ...traceHeaders() }
  const answer = await loopback.send({ method: 'POST', path, headers, body: Buffer.from(body), signal })
  return readAnswer(answer.status, Buffer.from(await answer.bytes()).toString())
}

/** There are credentials for the host that cannot be used. */
export class WebhookCredentialsError extends Error {}

function credentialsFor(host: string, credentials: WebhookCredentialsFor): WebhookCredentials | undefined {
  try {
    return credentials(host)
  } catch (error) {
    throw new WebhookCredentialsError(messageOf(error))
  }
}

function readAnswer(status: number, text: string, contentType = ''): unknown {
  if (status < 200 || status > 206) throw new WebhookCallError(answerProblem(status, text, contentType), status)
  try {
    return parseJson(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new WebhookCallError(`couldn't get version/kind; json parse error: ${error.message}`)
  }
}

/** Calls webhooks over HTTPS, with connections that are kept and used again. */
export function createWebhookClient(options: WebhookClientOptions): WebhookCaller {
  return new UndiciCaller(options)
}
