import { isIP } from 'node:net'
import { checkServerIdentity as checkIdentity, type PeerCertificate } from 'node:tls'
import { type Clock, type Logger, messageOf, withTimeout } from '@canopus/base'
import * as grpc from '@grpc/grpc-js'
import { StoreUnavailableError } from '../store.ts'
import { type Dial, type Forwarder, openForwarder } from './forwarder.ts'
import type { Method } from './messages.ts'

export interface EtcdTls {
  /** PEM of the authority that signed the servers' certificates. */
  ca: string | Uint8Array
  /** PEM of our own certificate and its key, where the servers ask for one. */
  cert?: string | Uint8Array
  key?: string | Uint8Array
}

/** A call to a server, for whoever wants to know of all of them. */
export interface GrpcCall {
  /** `package.Service/Method` */
  readonly method: string
  readonly host: string
  readonly port: number
}

/** Is told of a message of a call, and how many bytes it has. */
export type OnMessage = (type: 'SENT' | 'RECEIVED', length: number) => void

/**
 * Makes a call; may add metadata to it, and be told of its messages. What it throws has a `code` of gRPC where a server
 * answered.
 */
export type AroundCall = <T>(
  call: GrpcCall,
  act: (metadata: Readonly<Record<string, string>>, onMessage?: OnMessage) => Promise<T>,
) => Promise<T>

export interface EtcdConnectionOptions {
  /** By what way servers are reached; straight where missing. */
  dial?: Dial
  /** `https://host:port`, `http://host:port` or `unix:///path`, in order of preference. */
  endpoints: readonly string[]
  tls?: EtcdTls
  clock: Clock
  logger: Logger
  /** How long a call may take, reconnecting included, in milliseconds. Default 10,000. */
  timeout?: number
  /** Stands around every single call, for traces. */
  aroundCall?: AroundCall
}

/** A call that one server answered with an error; `details` is the server's sentence. */
export class EtcdError extends Error {
  readonly code: grpc.status
  readonly details: string
  constructor(code: grpc.status, details: string) {
    super(`etcd: ${details}`)
    this.name = 'EtcdError'
    this.code = code
    this.details = details
  }
}

interface Endpoint {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly client: grpc.Client
  readonly forwarder: Forwarder | undefined
  /** Settles when the connection stands or the client is closed; shared by all calls that wait for it. */
  connecting?: Promise<void> | undefined
}

/** How many servers a read is tried on before giving up. */
const readAttempts = 3

/** A connection to be closed; the first call waits for a server. */
export async function connectEtcd(options: EtcdConnectionOptions): Promise<EtcdConnection> {
  const { dial, endpoints, logger } = options
  if (dial === undefined) return new EtcdConnection(options)
  const failed = (error: unknown): void => logger.warn('etcd could not be dialled', { reason: messageOf(error) })
  const forwarders = await Promise.all(
    endpoints.map(endpoint => {
      const { host, port } = addressOf(endpoint)
      return openForwarder(() => dial(host, port), failed)
    }),
  )
  return new EtcdConnection(options, forwarders)
}

/** Calls to a cluster of etcd servers: one of them at a time, another one where that fails. */
export class EtcdConnection {
  readonly #endpoints: Endpoint[]
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #timeout: number
  readonly #around: AroundCall
  #current = 0

  /** `forwarders`: by which each endpoint is reached, where not straight. */
  constructor(options: EtcdConnectionOptions, forwarders: readonly Forwarder[] = []) {
    if (options.endpoints.length === 0) throw new StoreUnavailableError('no etcd endpoint is given')
    this.#clock = options.clock
    this.#logger = options.logger
    this.#timeout = options.timeout ?? 10_000
    this.#around = options.aroundCall ?? ((_, act) => act({}))
    this.#endpoints = options.endpoints.map((url, index) => {
      const forwarder = forwarders[index]
      return { url, ...addressOf(url), forwarder, client: createClient(url, options.tls, forwarder?.path) }
    })
  }

  /** A call that changes nothing: repeated on another server where one fails. */
  async read<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const endpoint = await this.#ready()
      try {
        return await this.#call(endpoint, method, request)
      } catch (error) {
        if (!(error instanceof EtcdError) || !isTransient(error)) throw error
        this.#distrust(endpoint, error)
        if (attempt === readAttempts) throw new StoreUnavailableError(this.#complain(error), { cause: error })
      }
    }
  }

  /**
   * A call that changes something: sent once, over a connection that stands. Where its answer is lost nobody knows
   * whether it was done: then it throws a `StoreUnavailableError` that is `ambiguous`.
   */
  async write<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    const endpoint = await this.#ready()
    try {
      return await this.#call(endpoint, method, request)
    } catch (error) {
      if (!(error instanceof EtcdError) || !isTransient(error)) throw error
      this.#distrust(endpoint, error)
      const ambiguous = !isRefusal(error)
      const outcome = ambiguous ? 'it is not known whether the write was done' : 'the write was not done'
      throw new StoreUnavailableError(`${this.#complain(error)}; ${outcome}`, { cause: error, ambiguous })
    }
  }

  /** Opens a stream both ways to a server that answers. */
  async stream<Request, Response>(
    method: Method<Request, Response>,
  ): Promise<grpc.ClientDuplexStream<Request, Response>> {
    const { client } = await this.#ready()
    return client.makeBidiStreamRequest(method.path, method.request.encode, method.response.decode, requireLeader())
  }

  close(): void {
    for (const { client, forwarder } of this.#endpoints) {
      client.close()
      forwarder?.close()
    }
  }

  /** The endpoint in use, or the first other one to which a connection stands. */
  async #ready(): Promise<Endpoint> {
    const current = this.#endpoints[this.#current]!
    if (current.client.getChannel().getConnectivityState(true) === grpc.connectivityState.READY) return current
    const connecting = Promise.any(this.#endpoints.map((endpoint, index) => connected(endpoint).then(() => index)))
    try {
      this.#current = await withTimeout(this.#clock, this.#timeout, 'connecting to etcd', () => connecting)
      return this.#endpoints[this.#current]!
    } catch (error) {
      connecting.catch(() => {})
      const urls = this.#endpoints.map(endpoint => endpoint.url).join(', ')
      throw new StoreUnavailableError(
        `no etcd server could be reached at ${urls} within ${this.#timeout} ms: see that etcd runs there and that addresses and TLS files are right`,
        { cause: error },
      )
    }
  }

  #call<Request, Response>(endpoint: Endpoint, method: Method<Request, Response>, request: Request): Promise<Response> {
    const { host, port } = endpoint
    return this.#around({ method: method.path.slice(1), host, port }, (metadata, onMessage) =>
      this.#send(endpoint, onMessage === undefined ? method : toldOf(method, onMessage), request, metadata),
    )
  }

  #send<Request, Response>(
    endpoint: Endpoint,
    method: Method<Request, Response>,
    request: Request,
    metadata: Readonly<Record<string, string>>,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const call = endpoint.client.makeUnaryRequest(
        method.path,
        method.request.encode,
        method.response.decode,
        request,
        requireLeader(metadata),
        (error, response) => {
          timer.cancel()
          if (error) reject(new EtcdError(error.code, error.details))
          else resolve(response as Response)
        },
      )
      const timer = this.#clock.setTimer(this.#timeout, () => call.cancel())
    })
  }

  /** Prefers the next endpoint from now on. */
  #distrust(endpoint: Endpoint, error: EtcdError): void {
    if (this.#endpoints[this.#current] !== endpoint) return
    this.#current = (this.#current + 1) % this.#endpoints.length
    this.#logger.warn('etcd server failed', { endpoint: endpoint.url, reason: error.details })
  }

  #complain(error: EtcdError): string {
    if (error.code === grpc.status.CANCELLED) return `etcd did not answer within ${this.#timeout} ms`
    return `etcd cannot serve the request (${error.details})`
  }
}

function connected(endpoint: Endpoint): Promise<void> {
  endpoint.connecting ??= new Promise<void>((resolve, reject) => {
    // The callers mind the time. A deadline given here would keep a timer running that nobody can cancel.
    endpoint.client.waitForReady(Number.POSITIVE_INFINITY, error => {
      endpoint.connecting = undefined
      if (error) reject(error)
      else resolve()
    })
  })
  return endpoint.connecting
}

const urlOf = (endpoint: string): URL => new URL(endpoint.includes('://') ? endpoint : `http://${endpoint}`)

function addressOf(endpoint: string): { host: string; port: number } {
  const { hostname, port, protocol, pathname } = urlOf(endpoint)
  if (protocol === 'unix:') return { host: pathname, port: 0 }
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) }
}

function createClient(endpoint: string, tls: EtcdTls | undefined, forwarded: string | undefined): grpc.Client {
  const url = urlOf(endpoint)
  const buffer = (pem: string | Uint8Array | undefined): Buffer | null => (pem ? Buffer.from(pem) : null)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isSecure = url.protocol === 'https:'
  // The certificate must name the host, address or name, whatever name TLS is told (below).
  const checkServerIdentity = (_: string, certificate: PeerCertificate) => checkIdentity(host, certificate)
  const credentials = isSecure
    ? grpc.credentials.createSsl(buffer(tls?.ca), buffer(tls?.key), buffer(tls?.cert), { checkServerIdentity })
    : grpc.credentials.createInsecure()
  // Node refuses an address as the name of a TLS server, which is what grpc-js would give it.
  const name = isIP(host) ? 'localhost' : host
  const tlsName = isSecure && (isIP(host) || forwarded) ? { 'grpc.ssl_target_name_override': name } : {}
  const authority = forwarded === undefined ? {} : { 'grpc.default_authority': url.host }
  const direct = url.protocol === 'unix:' ? `unix:${url.pathname}` : `dns:${url.host}`
  return new grpc.Client(forwarded === undefined ? direct : `unix:${forwarded}`, credentials, {
    ...tlsName,
    ...authority,
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
  })
}

/** The same method, whose messages are told of. */
function toldOf<Request, Response>(method: Method<Request, Response>, tell: OnMessage): Method<Request, Response> {
  const { path, request, response } = method
  return {
    path,
    request: {
      ...request,
      encode: value => {
        const bytes = request.encode(value)
        tell('SENT', bytes.byteLength)
        return bytes
      },
    },
    response: {
      ...response,
      decode: bytes => {
        tell('RECEIVED', bytes.byteLength)
        return response.decode(bytes)
      },
    },
  }
}

/** Has a server that has lost its cluster say so, instead of answering from its own past or keeping silent. */
function requireLeader(more: Readonly<Record<string, string>> = {}): grpc.Metadata {
  const metadata = new grpc.Metadata()
  for (const name in more) metadata.set(name, more[name]!)
  metadata.set('hasleader', 'true')
  return metadata
}

/** True where another server, or the same one later, may do better. */
export function isTransient(error: EtcdError): boolean {
  switch (error.code) {
    case grpc.status.UNAVAILABLE:
    case grpc.status.CANCELLED:
    case grpc.status.DEADLINE_EXCEEDED:
    case grpc.status.ABORTED:
    case grpc.status.INTERNAL:
    case grpc.status.UNKNOWN:
    case grpc.status.RESOURCE_EXHAUSTED:
      return true
    default:
      return false
  }
}

/** True where the server says that it did not even try. */
function isRefusal(error: EtcdError): boolean {
  return (
    error.code === grpc.status.RESOURCE_EXHAUSTED ||
    error.details === 'etcdserver: no leader' ||
    error.details === 'etcdserver: not leader'
  )
}
