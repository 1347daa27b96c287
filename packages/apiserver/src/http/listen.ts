/** The TLS listener: HTTP/2 and HTTP/1.1 on one port, client certificates where they are presented. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { MAX_HEADER_BYTES, type NamedCertificate, NamedContexts, type TlsPolicy } from '@canopus/platform'
import type { Connection } from '../security.ts'
import { requestOfMessage, respondToMessage } from './http1.ts'
import { requestOfStream, respondToStream } from './http2.ts'
import { type ApiRequest, type ApiResponse, BodyAborted } from './message.ts'

export interface TlsOptions {
  /** PEM. */
  readonly key: string
  readonly cert: string
  /** Authorities whose client certificates are accepted; PEM. */
  readonly clientCa?: string | readonly string[]
  /** Others, for clients that ask for their names. */
  readonly named?: readonly NamedCertificate[]
  readonly policy?: TlsPolicy
}

export interface ListenOptions {
  readonly address: string
  /** 0 for any free port. */
  readonly port: number
  readonly tls: TlsOptions
  /** At most so many requests at once on one HTTP/2 connection; 1,000 where missing. */
  readonly maxStreams?: number
  /** False: HTTP/1.1 alone. */
  readonly http2?: boolean
  /** Whether other processes may listen on the same port, which share its connections (SO_REUSEPORT). */
  readonly sharePort?: boolean
}

export interface Listener {
  readonly address: string
  readonly port: number
  /** New certificates for connections from now on. */
  setTls(tls: TlsOptions): void
  /** New connections are refused; those that are open go on. */
  stopAccepting(): void
  /** Ends connections once they have been answered; those that are not done when `patience` settles are cut off. */
  close(patience?: Promise<void>): Promise<void>
}

export interface Handlers {
  handle(request: ApiRequest): Promise<ApiResponse>
  /** Takes over an HTTP/1.1 connection that wants to be something else (exec, attach, port-forward). */
  upgrade(request: ApiRequest, message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
  /** Hears of answers that could not be sent for a reason that is not the client's. */
  failed(error: unknown): void
}

/** At most so many requests at once on one HTTP/2 connection, as upstream; watches count. */
const MAX_STREAMS = 1000
/** At most so many headers in one request. */
const MAX_HEADERS = 2000

const onlyHttp1 = ({ protocols }: { protocols: string[] }): string | undefined =>
  protocols.find(protocol => protocol === 'http/1.1')

export function listen(options: ListenOptions, handlers: Handlers): Promise<Listener> {
  const named = new NamedContexts()
  const show = (tls: TlsOptions): TlsContext => {
    const context = tlsOf(tls)
    named.set(tls.named ?? [], context.ca, tls.policy)
    return context
  }
  const server = createSecureServer({
    ...show(options.tls),
    SNICallback: named.callback,
    allowHTTP1: true,
    ...(options.http2 === false ? { ALPNCallback: onlyHttp1 } : {}),
    requestCert: options.tls.clientCa !== undefined,
    rejectUnauthorized: false,
    settings: {
      maxConcurrentStreams: options.maxStreams ?? MAX_STREAMS,
      initialWindowSize: 256 * 1024,
      maxHeaderListSize: MAX_HEADER_BYTES,
    },
    maxHeaderListPairs: MAX_HEADERS,
  })
  // What requests of HTTP/1.1 may have is read there; the commands of exec make long ones.
  Object.assign(server, { maxHeaderSize: MAX_HEADER_BYTES })
  const connections = new WeakMap<object, Connection>()
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<TLSSocket>()
  /** Connections of HTTP/1.1 with a request that is not answered yet. */
  const busy = new Set<Duplex>()
  const connectionOf = (socket: TLSSocket): Connection => {
    let connection = connections.get(socket)
    if (connection === undefined) {
      connection = connectionFacts(socket)
      connections.set(socket, connection)
    }
    return connection
  }
  server.on('secureConnection', socket => {
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  server.on('session', session => {
    sessions.add(session)
    connections.set(session, connectionOf(session.socket as TLSSocket))
    session.on('close', () => sessions.delete(session))
    session.on('error', () => {})
  })
  server.on('stream', (opened, headers, flags, rawHeaders) => {
    const stream = opened as ServerHttp2Stream
    stream.on('error', ignore)
    const connection = connections.get(stream.session!) ?? { remoteAddress: '', certificateVerified: false }
    const request = requestOfStream(stream, headers, rawHeaders, (flags & END_STREAM) !== 0, connection)
    const failed = (error: unknown): void => abandon(handlers, error, stream)
    handlers.handle(request).then(response => {
      try {
        respondToStream(stream, response, request.method === 'HEAD')
      } catch (error) {
        failed(error)
      }
    }, failed)
  })
  // Node makes request and response objects for HTTP/2 too as soon as somebody listens to `request`; here that is for
  // HTTP/1.1 alone, and those objects cost as much as the rest of a request.
  server.removeAllListeners('newListener')
  server.on('request', (message: unknown, out: unknown) => {
    const incoming = message as IncomingMessage
    if (incoming.httpVersionMajor === 2) return
    const outgoing = out as ServerResponse
    busy.add(incoming.socket)
    outgoing.on('close', () => {
      busy.delete(incoming.socket)
      if (!server.listening) incoming.socket.destroySoon()
    })
    outgoing.on('error', () => {})
    handlers
      .handle(requestOfMessage(incoming, connectionOf(incoming.socket as TLSSocket)))
      .then(response => respondToMessage(incoming, outgoing, response))
      .catch(error => abandon(handlers, error, outgoing))
  })
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    void handlers.upgrade(requestOfMessage(message, connectionOf(socket as TLSSocket)), message, socket, head)
  })
  server.on('tlsClientError', () => {})
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuse(error, socket))
  return started(server, options, { sessions, sockets, busy }, show)
}

/** Says what is wrong with a request that cannot be read, as Go's server says it; who has gone hears nothing. */
function refuse({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || !code.startsWith('HPE_')) {
    socket.destroy()
    return
  }
  const status = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`)
}

const END_STREAM = 1
/** Errors of a stream end it, and nothing else. */
const ignore = (): void => {}

/** Nobody is left to be answered, or the answer cannot be sent: the stream ends, the server goes on. */
function abandon(handlers: Handlers, error: unknown, answer: { destroy(): unknown }): void {
  answer.destroy()
  if (!(error instanceof BodyAborted)) handlers.failed(error)
}

interface TlsContext extends TlsPolicy {
  key: string
  cert: string
  ca?: string[]
}

function tlsOf(tls: TlsOptions): TlsContext {
  const { key, cert, clientCa, policy } = tls
  return {
    ...policy,
    key,
    cert,
    ...(clientCa === undefined ? {} : { ca: typeof clientCa === 'string' ? [clientCa] : [...clientCa] }),
  }
}

function connectionFacts(socket: TLSSocket): Connection {
  const certificate = socket.getPeerX509Certificate?.()
  const intermediates: Uint8Array[] = []
  for (let issuer = certificate?.issuerCertificate; issuer; issuer = issuer.issuerCertificate) {
    intermediates.push(issuer.raw)
  }
  return {
    remoteAddress: socket.remoteAddress ?? '',
    certificateVerified: socket.authorized,
    ...(certificate === undefined ? {} : { certificate: certificate.raw }),
    ...(intermediates.length === 0 ? {} : { intermediates }),
  }
}

function started(
  server: Http2SecureServer,
  options: ListenOptions,
  connections: Connections,
  show: (tls: TlsOptions) => TlsContext,
): Promise<Listener> {
  const stopAccepting = (): void => {
    if (server.listening) server.close()
  }
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const { port, address: host, sharePort: reusePort = false } = options
    server.listen({ port, host, reusePort }, () => {
      server.off('error', reject)
      const { address, port } = server.address() as AddressInfo
      resolve({
        address,
        port,
        setTls: tls => server.setSecureContext(show(tls)),
        stopAccepting,
        close: async patience => {
          stopAccepting()
          await Promise.race([patience, finished(connections)])
          for (const session of connections.sessions) session.destroy()
          for (const socket of connections.sockets) socket.destroy()
        },
      })
    })
  })
}

interface Connections {
  readonly sessions: ReadonlySet<ServerHttp2Session>
  readonly sockets: ReadonlySet<TLSSocket>
  readonly busy: ReadonlySet<Duplex>
}

/** Asks everybody to leave (GOAWAY), and resolves when all have. */
async function finished({ sessions, sockets, busy }: Connections): Promise<void> {
  for (const session of sessions) session.close()
  for (const socket of sockets) if (!busy.has(socket) && socket.alpnProtocol !== 'h2') socket.destroy()
  const open = [...sockets].filter(socket => !socket.destroyed)
  await Promise.all(open.map(socket => new Promise(done => socket.once('close', done))))
}
