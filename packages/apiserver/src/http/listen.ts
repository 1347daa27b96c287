/** The TLS listener: HTTP/2 and HTTP/1.1 on one port, client certificates where they are presented. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '@canopus/base'
import { MAX_HEADER_BYTES, type NamedCertificate, NamedContexts, type TlsPolicy } from '@canopus/platform'
import type { Connection } from '../security.ts'
import { serveHttp2 } from './h2/connection.ts'
import { IDLE_TIMEOUT } from './h2/patience.ts'
import { requestOfMessage, respondToMessage } from './http1.ts'
import { serveByNode } from './http2.ts'
import type { Http2Handlers, Http2Session } from './http2-session.ts'
import { type ApiRequest, BodyAborted } from './message.ts'
import { answerConnect, answerUnread } from './odd-methods.ts'

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
  /** HTTP/2 is spoken by Node's implementation instead of our own. */
  readonly http2ByNode?: boolean
  /** Whether other processes may listen on the same port, which share its connections (SO_REUSEPORT). */
  readonly sharePort?: boolean
}

export interface Listener {
  readonly address: string
  readonly port: number
  /** New certificates for connections from now on. */
  setTls(tls: TlsOptions): void
  /** New connections are refused; those that are open end with what is under way on them (GOAWAY). */
  stopAccepting(): void
  /** Ends connections once they have been answered; those that are not done when `patience` settles are cut off. */
  close(patience?: Promise<void>): Promise<void>
}

export interface Handlers extends Http2Handlers {
  /** Hears of connections that did not come to TLS. */
  handshakeFailed?(): void
  /** Takes over an HTTP/1.1 connection that wants to be something else (exec, attach, port-forward). */
  upgrade(request: ApiRequest, message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
}

/** Milliseconds that connections have, as upstream's (k8s.io/apiserver/pkg/server/secure_serving.go): none for a whole request. */
const TIMEOUTS = {
  handshakeTimeout: 32_000,
  headersTimeout: 32_000,
  requestTimeout: 0,
  keepAliveTimeout: IDLE_TIMEOUT,
  keepAliveTimeoutBuffer: 0,
}

/** At most so many requests at once on one HTTP/2 connection, as upstream; watches count. */
const MAX_STREAMS = 1000

export function listen(options: ListenOptions, handlers: Handlers, clock: Clock): Promise<Listener> {
  const named = new NamedContexts()
  const show = (tls: TlsOptions): TlsContext => {
    const context = tlsOf(tls)
    named.set(tls.named ?? [], context.ca, tls.policy)
    return context
  }
  const server = createServer({
    ...show(options.tls),
    SNICallback: named.callback,
    ALPNProtocols: options.http2 === false ? ['http/1.1'] : ['h2', 'http/1.1'],
    requestCert: options.tls.clientCa !== undefined,
    rejectUnauthorized: false,
    // What requests of HTTP/1.1 may have is read there; the commands of exec make long ones.
    maxHeaderSize: MAX_HEADER_BYTES,
    ...TIMEOUTS,
  })
  const open: Connections = { sessions: new Set(), sockets: new Set(), busy: new Set(), upgraded: new Set() }
  const facts = new WeakMap<object, Connection>()
  const factsOf = (socket: TLSSocket): Connection => {
    const known = facts.get(socket) ?? connectionFacts(socket)
    facts.set(socket, known)
    return known
  }
  const serve = options.http2ByNode === true ? serveByNode : serveHttp2
  const http2 = { maxStreams: options.maxStreams ?? MAX_STREAMS, maxHeaderBytes: MAX_HEADER_BYTES, clock }
  const [serveHttp1] = server.listeners('secureConnection')
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', socket => {
    socket.setNoDelay(true)
    open.sockets.add(socket)
    socket.on('close', () => open.sockets.delete(socket))
    socket.on('error', () => {})
    if (socket.alpnProtocol !== 'h2') {
      serveHttp1!.call(server, socket)
      return
    }
    const session = serve(socket, factsOf(socket), http2, handlers)
    open.sessions.add(session)
    socket.on('close', () => open.sessions.delete(session))
  })
  serveMessages(server, handlers, open, factsOf)
  server.on('tlsClientError', () => handlers.handshakeFailed?.())
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const answered =
      socket.writable &&
      answerUnread(error, socket as TLSSocket, factsOf(socket as TLSSocket), each => handlers.handle(each))
    if (!answered) refuse(error, socket)
  })
  server.on('connect', (message, socket) => {
    socket.on('error', () => {})
    answerConnect(message, socket, factsOf(socket as TLSSocket), each => handlers.handle(each))
  })
  return started(server, options, open, show)
}

/** Requests of HTTP/1.1. */
function serveMessages(
  server: Server,
  handlers: Handlers,
  { busy, upgraded }: Connections,
  factsOf: (socket: TLSSocket) => Connection,
): void {
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    busy.add(incoming.socket)
    outgoing.on('close', () => {
      busy.delete(incoming.socket)
      if (!server.listening) incoming.socket.destroySoon()
    })
    outgoing.on('error', () => {})
    handlers
      .handle(requestOfMessage(incoming, factsOf(incoming.socket as TLSSocket)))
      .then(response => respondToMessage(incoming, outgoing, response))
      .catch(error => {
        outgoing.destroy()
        if (!(error instanceof BodyAborted)) handlers.failed(error)
      })
  })
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    upgraded.add(socket)
    socket.on('close', () => upgraded.delete(socket))
    void handlers.upgrade(requestOfMessage(message, factsOf(socket as TLSSocket)), message, socket, head)
  })
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
  server: Server,
  options: ListenOptions,
  connections: Connections,
  show: (tls: TlsOptions) => TlsContext,
): Promise<Listener> {
  const stopAccepting = (): void => {
    if (server.listening) server.close()
    sendAway(connections)
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
  readonly sessions: Set<Http2Session>
  readonly sockets: Set<TLSSocket>
  /** Connections of HTTP/1.1 with a request that is not answered yet. */
  readonly busy: Set<Duplex>
  /** Those that are something else by now. */
  readonly upgraded: Set<Duplex>
}

/** Asks everybody to leave (GOAWAY): who has nothing under way is gone at once, as with Go's `Server.Shutdown`. */
function sendAway({ sessions, sockets, busy, upgraded }: Connections): void {
  for (const session of sessions) session.goAway()
  for (const socket of sockets) {
    if (!busy.has(socket) && !upgraded.has(socket) && socket.alpnProtocol !== 'h2') socket.destroy()
  }
}

/** Resolves when everybody has left, but those whom nobody waits for: exec, attach, port-forward. */
async function finished({ sockets, upgraded }: Connections): Promise<void> {
  for (const socket of upgraded) socket.destroy()
  const open = [...sockets].filter(socket => !socket.destroyed)
  await Promise.all(open.map(socket => new Promise(done => socket.once('close', done))))
}
