/** A kubelet that does nothing but answer: logs as text, and every upgrade echoes what it is sent. */
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { CertifiedKey } from '@canopus/platform'

export interface EchoKubelet {
  readonly port: number
  /** `METHOD path` of every request so far, and whether it came with a client certificate. */
  readonly requests: { line: string; certified: boolean }[]
  /** The last value list of `X-Stream-Protocol-Version`. */
  readonly protocols: readonly string[]
  stop(): Promise<void>
}

export function startEchoKubelet(serving: CertifiedKey, clientCa: string): Promise<EchoKubelet> {
  const requests: { line: string; certified: boolean }[] = []
  const facts = { protocols: [] as readonly string[] }
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
    else {
      out.writeHead(200, { 'content-type': 'text/plain' })
      out.write('first line\n')
      out.end('second line\n')
    }
  })
  server.on('upgrade', (message, socket) => {
    note(message)
    facts.protocols = message.headersDistinct['x-stream-protocol-version'] ?? []
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
        stop: () =>
          new Promise(done => {
            server.close(() => done())
            server.closeAllConnections()
          }),
      })
    })
  })
}
