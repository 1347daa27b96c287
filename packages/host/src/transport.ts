import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Transport, TransportRequest, TransportResponse } from '@canopus/client'
import { trusting } from '@canopus/platform'
import type { Agent, buildConnector, Dispatcher } from 'undici'
import { type KubeconfigUser, readKubeconfigUser } from './kubeconfig.ts'

/** A transport that holds connections; close it when done. */
export interface HttpsTransport extends Transport {
  /** Ends all connections, also those with a request under way. */
  close(): void
  /** Takes no more requests; those that are under way are answered first. */
  retire(): void
}

export interface HttpsTransportOptions
  extends Pick<KubeconfigUser, 'server' | 'ca' | 'cert' | 'key' | 'token' | 'tokenFile' | 'serverName' | 'insecure'> {
  userAgent?: string
  /** By what way the server is reached; straight where missing. */
  dial?: ((host: string, port: number) => Promise<Socket>) | undefined
}

/**
 * Reaches an API server over HTTPS with keep-alive connections, a new one for each watch that is open. Undici's pool is three
 * times cheaper than the built-in fetch and shows no difference to HTTP/2 for a component's few streams.
 */
export function createHttpsTransport(options: HttpsTransportOptions): HttpsTransport {
  let agent: Promise<Agent> | undefined
  let ending: 'close' | 'destroy' | undefined
  const connected = (): Promise<Agent> => {
    agent ??= createAgent(options).then(made => {
      if (ending) void made[ending]().catch(() => {})
      return made
    })
    return agent
  }
  const end = (how: 'close' | 'destroy'): void => {
    ending = how
    void agent?.then(made => made[how]()).catch(() => {})
  }
  const base = { 'user-agent': options.userAgent ?? 'canopus/1.36' }
  return {
    send: async request => send(await connected(), options, base, request),
    close: () => end('destroy'),
    retire: () => end('close'),
  }
}

/** Undici is loaded for the first request: who only writes a kubeconfig, or speaks within its process, does without. */
async function createAgent(options: HttpsTransportOptions): Promise<Agent> {
  const undici = await import('undici')
  const tls = {
    ...trusting(options.ca),
    cert: options.cert,
    key: options.key,
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    ...(options.insecure === true ? { rejectUnauthorized: false } : {}),
  }
  return new undici.Agent({
    connect: options.dial === undefined ? tls : over(options.dial, undici.buildConnector(tls)),
    keepAliveTimeout: 60_000,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}

/** Connections of a dialer, over TLS where that is asked for. */
function over(dial: NonNullable<HttpsTransportOptions['dial']>, connect: buildConnector.connector): typeof connect {
  return (options, callback) => {
    const isTls = options.protocol === 'https:'
    dial(options.hostname, Number(options.port || (isTls ? 443 : 80)))
      .then(socket => (isTls ? connect({ ...options, httpSocket: socket }, callback) : callback(null, socket)))
      .catch(error => callback(error, null))
  }
}

/** A transport for a kubeconfig's current context, or the one named. */
export function createKubeconfigTransport(path: string, context?: string): HttpsTransport {
  return createHttpsTransport(readKubeconfigUser(path, context))
}

async function send(
  agent: Agent,
  options: HttpsTransportOptions,
  base: Record<string, string>,
  request: TransportRequest,
): Promise<TransportResponse> {
  const token = options.tokenFile === undefined ? options.token : readFileSync(options.tokenFile, 'utf8').trim()
  const response = await agent.request({
    origin: options.server,
    path: request.path,
    method: request.method,
    headers: { ...base, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...request.headers },
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  })
  return wrap(response)
}

function wrap(response: Dispatcher.ResponseData): TransportResponse {
  const headers = Object.fromEntries(
    Object.entries(response.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )
  return {
    status: response.statusCode,
    headers,
    bytes: async () => new Uint8Array(await response.body.arrayBuffer()),
    chunks: () => response.body,
  }
}
