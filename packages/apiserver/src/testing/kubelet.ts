/** A kubelet that does nothing but answer: logs as text, and every upgrade echoes what it is sent. */
import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { CertifiedKey } from '@canopus/platform'

export interface EchoKubelet {
  readonly port: number
  /** `METHOD path` of every request so far, and whether it came with a client certificate. */
  readonly requests: { line: string; certified: boolean }[]
  /** The last value list of `X-Stream-Protocol-Version`. */
  readonly protocols: readonly string[]
  /** What the last upgrade offered as `Sec-WebSocket-Protocol`. */
  readonly webSocketProtocols: string | undefined
  /** Logs of pods named `following`, which have no end, that somebody reads. */
  readonly following: number
  /** Waits until something is so of it. */
  until(isSo: () => boolean): Promise<void>
  stop(): Promise<void>
}

export function startEchoKubelet(serving: CertifiedKey, clientCa: string): Promise<EchoKubelet> {
  const requests: { line: string; certified: boolean }[] = []
  const facts = { protocols: [] as readonly string[], offered: undefined as string | undefined, following: 0 }
  const changes = new EventEmitter()
  const server: Server = createServer({
    key: serving.key,
    cert: serving.certificate,
    ca: clientCa,
    requestCert: true,
    rejectUnauthorized: false,
  })
  const note = (message: { method?: string; url?: string; socket: unknown }): void => {
    const certified = (message.socket as { authorized: boolean }).authorized
    requests.push({ line: `${message.method} ${message.url}`, certified })
  }
  server.on('request', (message, out) => {
    note(message)
    if (message.url?.includes('/waiting')) out.writeHead(400).end('container "c" in pod "waiting" is waiting to start')
    else if (message.url?.startsWith('/redirect')) out.writeHead(302, { location: '/elsewhere' }).end()
    else if (message.url?.startsWith('/page')) {
      const html = `<a href="/link">${message.headers['x-forwarded-uri']}</a>`
      const headers = { 'content-type': 'text/html', 'content-length': html.length, 'access-control-allow-origin': '*' }
      out.writeHead(200, headers).end(html)
    } else {
      out.writeHead(200, { 'content-type': 'text/plain' })
      out.write('first line\n')
      if (message.url?.includes('/following/')) {
        facts.following++
        changes.emit('change')
        out.on('close', () => {
          facts.following--
          changes.emit('change')
        })
        return
      }
      out.end('second line\n')
    }
  })
  server.on('upgrade', (message, socket) => {
    note(message)
    facts.protocols = message.headersDistinct['x-stream-protocol-version'] ?? []
    facts.offered = message.headers['sec-websocket-protocol']
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n')
    socket.pipe(socket)
    socket.on('error', () => {})
  })
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        requests,
        get protocols() {
          return facts.protocols
        },
        get webSocketProtocols() {
          return facts.offered
        },
        get following() {
          return facts.following
        },
        async until(isSo) {
          while (!isSo()) await once(changes, 'change')
        },
        stop: () =>
          new Promise(done => {
            server.close(() => done())
            server.closeAllConnections()
          }),
      })
    })
  })
}
