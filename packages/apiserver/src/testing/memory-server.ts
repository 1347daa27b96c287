/** An API server on the memory store, called directly, that lets everybody do everything: for tests of the request path. */
import { builtInKinds } from '@canopus/api'
import { type Clock, type Random, silentLogger } from '@canopus/base'
import { systemClock, systemRandom } from '@canopus/platform'
import { createMemoryStore, type Store } from '@canopus/store'
import type { Auditor } from '../audit/auditor.ts'
import type { ServingOptions } from '../filters/serving-options.ts'
import type { HealthCheck } from '../health/health.ts'
import { type ApiResponse, header, type StreamSink } from '../http/message.ts'
import type { AdmissionPlugin, Security, SecurityContext, User } from '../security.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from '../server.ts'
import type { KubeletCredentials } from '../subresources/node-address.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { WebhookCaller } from '../webhook/client.ts'

export interface Answer {
  readonly status: number
  readonly headers: ApiResponse['headers']
  readonly text: string
  /** The parsed body; fails where it is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every kind
  readonly json: any
  readonly bytes: Uint8Array
}

export interface MemoryServer {
  readonly server: ApiServer
  readonly store: Store
  /** Errors that were logged: none, unless a request failed in a way that nobody foresaw. */
  readonly errors: unknown[]
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /** Opens a watch; `next` waits for its next event. */
  watch(path: string, headers?: Record<string, string>): Promise<TestWatch>
  stop(): Promise<void>
}

const USER: User = { name: 'tester', groups: ['system:masters', 'system:authenticated'] }
const CONNECTION = { remoteAddress: '127.0.0.1', certificateVerified: false }

export async function startMemoryServer(
  options: {
    admission?: AdmissionPlugin[] | ((context: SecurityContext) => AdmissionPlugin[])
    store?: Store
    webhooks?: WebhookCaller
    auditor?: Auditor
    tracing?: Tracing
    security?: Partial<Security>
    serving?: ServingOptions
    clock?: Clock
    random?: Random
    healthChecks?: HealthCheck[]
    kubelet?: KubeletCredentials
    /** Who asks, by the header `x-user`; everybody is an administrator where missing. */
    users?: Readonly<Record<string, User>>
  } & Partial<
    Pick<
      ApiServerOptions,
      | 'components'
      | 'elsewhere'
      | 'serviceCidr'
      | 'nodePortRange'
      | 'metrics'
      | 'flags'
      | 'kinds'
      | 'isCached'
      | 'isServed'
      | 'nodeMetrics'
      | 'featureGates'
      | 'tuning'
    >
  > = {},
): Promise<MemoryServer> {
  const { clock = systemClock, users = {}, serving = {}, healthChecks = [] } = options
  const store = options.store ?? createMemoryStore({ clock })
  const errors: unknown[] = []
  const server = createApiServer({
    store,
    clock,
    random: options.random ?? systemRandom,
    logger: { ...silentLogger, error: (message, facts) => void errors.push({ message, ...facts }) },
    kinds: options.kinds ?? builtInKinds,
    ...(options.isServed === undefined ? {} : { isServed: options.isServed }),
    ...(options.isCached === undefined ? {} : { isCached: options.isCached }),
    ...(options.featureGates === undefined ? {} : { featureGates: options.featureGates }),
    ...(options.serviceCidr === undefined ? {} : { serviceCidr: options.serviceCidr }),
    ...(options.nodePortRange === undefined ? {} : { nodePortRange: options.nodePortRange }),
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    ...(options.flags === undefined ? {} : { flags: options.flags }),
    ...(options.tuning === undefined ? {} : { tuning: options.tuning }),
    ...(options.elsewhere === undefined ? {} : { elsewhere: options.elsewhere }),
    ...(options.components === undefined ? {} : { components: options.components }),
    ...(options.webhooks === undefined ? {} : { webhooks: options.webhooks }),
    ...(options.nodeMetrics === undefined ? {} : { nodeMetrics: options.nodeMetrics }),
    serving,
    healthChecks,
    ...(options.kubelet === undefined ? {} : { kubelet: options.kubelet }),
    security: context => ({
      authenticator: { authenticate: ({ headers }) => ({ user: users[header(headers, 'x-user') ?? ''] ?? USER }) },
      authorizer: { authorize: () => ({ decision: 'allow', reason: '' }) },
      admission: typeof options.admission === 'function' ? options.admission(context) : (options.admission ?? []),
      ...options.security,
    }),
    ...(options.auditor === undefined ? {} : { auditor: options.auditor }),
    ...(options.tracing === undefined ? {} : { tracing: options.tracing }),
  })
  await server.start()
  const call = (method: string, path: string, body: unknown, headers: Record<string, string>): Promise<ApiResponse> => {
    const [target = '', query = ''] = path.split(/\?(.*)/s)
    const bytes = body instanceof Uint8Array ? body : body === undefined ? new Uint8Array() : encode(body)
    return server.handle({ method, path: target, query, headers, connection: CONNECTION, body: () => bytes })
  }
  return {
    server,
    store,
    errors,
    async send(method, path, body, headers = {}) {
      return answerOf(await call(method, path, body, headers))
    },
    async watch(path, headers = {}) {
      const response = await call('GET', path, undefined, headers)
      if (response.stream === undefined) throw new Error(`no watch but ${response.status}`)
      return new TestWatch(response)
    },
    async stop() {
      await server.stop()
      if (options.store === undefined) await store.close()
    },
  }
}

function encode(body: unknown): Uint8Array {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

function answerOf(response: ApiResponse): Answer {
  const { body } = response
  response.sent?.()
  const bytes = body === undefined ? new Uint8Array() : body instanceof Uint8Array ? body : Buffer.concat(body)
  const text = Buffer.from(bytes).toString()
  return {
    status: response.status,
    headers: response.headers,
    text,
    bytes,
    get json() {
      return JSON.parse(text)
    },
  }
}

/** Collects a stream's chunks and hands them out. */
export class TestWatch implements StreamSink {
  readonly headers: ApiResponse['headers']
  closed = false
  readonly #listeners: (() => void)[] = []
  readonly #chunks: Uint8Array[] = []
  #text = ''
  #wake: (() => void) | undefined

  constructor(response: ApiResponse) {
    this.headers = response.headers
    response.stream!(this)
  }

  write(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk)
    this.#text += Buffer.from(chunk).toString()
    this.#wake?.()
    return true
  }

  end(): void {
    if (this.closed) return
    this.closed = true
    for (const listener of this.#listeners) listener()
    this.#wake?.()
  }

  onClose(listener: () => void): void {
    this.#listeners.push(listener)
  }

  onDrain(): void {}

  /** The next event, or `undefined` at the end of the stream. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every kind
  async next(): Promise<any> {
    for (;;) {
      const end = this.#text.indexOf('\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 1)
        return JSON.parse(line)
      }
      if (this.closed) return undefined
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Everything that was written so far. */
  get bytes(): Uint8Array {
    return Buffer.concat(this.#chunks)
  }
}
