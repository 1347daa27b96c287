/**
 * One HTTP/2 connection to each server of this machine that speaks it, shared by all requests, as Go's clients have it
 * (golang.org/x/net/http2 transport.go). Webhooks elsewhere are asked over HTTP/1.1, so that several of them share the work
 * (k8s.io/apiserver/pkg/util/webhook/client.go, isLocalHost).
 */
import { connect } from 'node:http2'
import { BlockList, isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '@canopus/base'
import type { buildConnector, Dispatcher } from 'undici'
import { ClientConnection } from './client-connection.ts'
import { Http2Request, UnprocessedError } from './http2-exchange.ts'

type Connector = buildConnector.connector

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether a URL's host is this machine, by its name or its address. */
export function isLocalHost(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(host)
  return family === 0 ? host.toLowerCase() === 'localhost' : LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/** A request that a server has certainly not begun with is sent so often. */
const MOST_TRIES = 6

/** What a server turned out to speak. */
type Connection = ClientConnection | 'http/1.1'

export class SharedHttp2 {
  readonly #clock: Clock
  readonly #connect: Connector
  /** By origin. */
  readonly #connections = new Map<string, Promise<Connection>>()
  /** Connected before it was known that the server speaks HTTP/1.1 only. */
  readonly #spares = new Map<string, TLSSocket>()

  /** `connect` must offer HTTP/2. */
  constructor(clock: Clock, connect: Connector) {
    this.#clock = clock
    this.#connect = connect
  }

  /** For `compose`: takes the requests to servers that speak HTTP/2, and leaves the others. */
  readonly interceptor: Dispatcher.DispatcherComposeInterceptor = dispatch => (options, handler) => {
    const { protocol, hostname, origin } = new URL(String(options.origin))
    if (protocol !== 'https:' || !isLocalHost(hostname)) return dispatch(options, handler)
    const request = new Http2Request(handler)
    const go = async (): Promise<void> => {
      const connection = await this.send(origin, options, request)
      if (connection === 'http/1.1' && !request.aborted) dispatch(options, handler)
    }
    void go().catch(error => request.fail(error))
    return true
  }

  /** What was connected to find out what the server speaks, for those who go on with HTTP/1.1. */
  takeSpare(origin: string): TLSSocket | undefined {
    const socket = this.#spares.get(origin)
    this.#spares.delete(origin)
    return socket?.destroyed === false ? socket : undefined
  }

  /** The last connection over HTTP/1.1 is gone: the next server may speak something else. */
  forget(origin: string): void {
    this.#connections.delete(origin)
  }

  /** Ends all connections: `close` once what is being asked is answered, `destroy` now. */
  end(how: 'close' | 'destroy'): void {
    for (const pending of this.#connections.values()) {
      void pending.then(connection => connection !== 'http/1.1' && connection[how]()).catch(() => {})
    }
    this.#connections.clear()
    for (const socket of this.#spares.values()) socket.destroy()
    this.#spares.clear()
  }

  /** Unless the server speaks HTTP/1.1 only. */
  private async send(
    origin: string,
    options: Dispatcher.DispatchOptions,
    request: Http2Request,
  ): Promise<Connection | undefined> {
    for (let tries = 1; ; tries++) {
      const connection = await this.connectionTo(origin)
      if (connection === 'http/1.1') return connection
      if (request.aborted) return undefined
      try {
        await request.sendOver(connection, options)
        return connection
      } catch (error) {
        if (!(error instanceof UnprocessedError) || tries === MOST_TRIES) throw error
      }
    }
  }

  private async connectionTo(origin: string): Promise<Connection> {
    for (;;) {
      const pending = this.#connections.get(origin) ?? this.open(origin)
      this.#connections.set(origin, pending)
      try {
        const connection = await pending
        if (connection === 'http/1.1' || connection.usable) return connection
      } catch (error) {
        this.drop(origin, pending)
        throw error
      }
      this.drop(origin, pending)
    }
  }

  private async open(origin: string): Promise<Connection> {
    const socket = await this.dial(origin)
    if (socket.alpnProtocol !== 'h2') {
      this.#spares.get(origin)?.destroy()
      this.#spares.set(origin, socket)
      return 'http/1.1'
    }
    const session = connect(origin, { createConnection: () => socket })
    return new ClientConnection(session, this.#clock, dropped => {
      const pending = this.#connections.get(origin)
      void pending?.then(
        current => current === dropped && this.drop(origin, pending),
        () => {},
      )
    })
  }

  private dial(origin: string): Promise<TLSSocket> {
    const { protocol, host, hostname, port } = new URL(origin)
    return new Promise((resolve, reject) => {
      const address = { protocol, host, hostname: hostname.replace(/^\[(.*)\]$/, '$1'), port }
      this.#connect(address, (error, socket) => (error === null ? resolve(socket as TLSSocket) : reject(error)))
    })
  }

  /** The next request opens another connection; those that are on this one may end there. */
  private drop(origin: string, pending: Promise<Connection>): void {
    if (this.#connections.get(origin) === pending) this.#connections.delete(origin)
  }
}
