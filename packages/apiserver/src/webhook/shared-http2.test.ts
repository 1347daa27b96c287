import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type Http2Session, type ServerHttp2Session } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type Clock, SimulatedClock } from '@canopus/base'
import { createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import { createWebhookClient, type WebhookCaller, type WebhookTarget } from './client.ts'
import { isLocalHost } from './shared-http2.ts'

const REVIEW = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request: { uid: '1' } }
const ANSWER = { answered: true }

/** Speaks both versions. Requests to `/held` are answered by `release`. */
class Server {
  readonly http2: boolean
  caBundle = ''
  url = ''
  connections = 0
  readonly sessions: Http2Session[] = []
  readonly #held: (() => void)[] = []
  #wake: (() => void) | undefined
  #stop = async (): Promise<void> => {}

  constructor(http2: boolean) {
    this.http2 = http2
  }

  async start(): Promise<void> {
    const authority = await createAuthority({ commonName: 'hooks', clock: systemClock })
    const serving = await issueCertificate(authority, {
      commonName: 'hook',
      hosts: ['localhost', 'hook.ns.svc'],
      purposes: ['server auth'],
      clock: systemClock,
    })
    const identity = { key: serving.key, cert: serving.certificate }
    const server = this.http2 ? createSecureServer({ ...identity, allowHTTP1: true }) : createHttpsServer(identity)
    const sockets = new Set<Socket>()
    server.on('secureConnection', (socket: Socket) => {
      this.connections++
      sockets.add(socket)
    })
    server.on('session', (session: ServerHttp2Session) => {
      session.on('error', () => {})
      this.sessions.push(session)
      this.#wake?.()
    })
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const answer = (): void => void response.end(JSON.stringify(ANSWER))
      request.resume()
      request.on('end', () => {
        if (request.url?.startsWith('/moved')) return void response.writeHead(307, { location: '/a' }).end()
        if (!request.url?.startsWith('/held')) return answer()
        this.#held.push(answer)
        this.#wake?.()
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    this.caBundle = Buffer.from(authority.certificate).toString('base64')
    this.url = `https://localhost:${(server.address() as AddressInfo).port}`
    this.#stop = async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(done => void server.close(() => done()))
    }
  }

  at(path: string): WebhookTarget {
    return { url: `${this.url}${path}`, caBundle: this.caBundle }
  }

  async held(count: number): Promise<void> {
    while (this.#held.length < count) await new Promise<void>(resolve => (this.#wake = resolve))
  }

  release(): void {
    for (const answer of this.#held.splice(0)) answer()
  }

  stop(): Promise<void> {
    return this.#stop()
  }
}

const clientOf = (server: Server, clock: Clock = systemClock): WebhookCaller =>
  createWebhookClient({
    clock,
    resolver: { resolve: () => ({ host: '127.0.0.1', port: Number(new URL(server.url).port) }) },
  })

async function askAtOnce(client: WebhookCaller, server: Server, target: WebhookTarget, count: number): Promise<void> {
  const asked = Array.from({ length: count }, () => client.call(target, REVIEW, 30))
  await server.held(count)
  server.release()
  for (const answer of await Promise.all(asked)) assert.deepEqual(answer, ANSWER)
}

describe('connections to webhooks', () => {
  const service = { namespace: 'ns', name: 'hook', path: '/held' }
  const rows: readonly [name: string, http2: boolean, byService: boolean, connections: number][] = [
    ['one is shared where the server speaks HTTP/2', true, false, 1],
    ['each request in flight has its own over HTTP/1.1', false, false, 10],
    ['and where the webhook is a service', true, true, 10],
  ]
  for (const [name, http2, byService, connections] of rows) {
    it(name, async () => {
      const server = new Server(http2)
      await server.start()
      const client = clientOf(server)
      const target = byService ? { service, caBundle: server.caBundle } : server.at('/held')
      await askAtOnce(client, server, target, 10)
      assert.equal(server.connections, connections)
      // A connection may be used again one turn after an answer.
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      await askAtOnce(client, server, target, 10)
      assert.equal(server.connections, connections)
      client.close()
      await server.stop()
    })
  }

  const hosts: readonly [host: string, boolean][] = [
    ['localhost', true],
    ['LOCALHOST', true],
    ['127.8.0.1', true],
    ['[::1]', true],
    ['10.0.0.1', false],
    ['[fd00::1]', false],
    ['localhost.example.com', false],
  ]
  for (const [host, expected] of hosts) {
    it(`${host} is ${expected ? 'this machine' : 'elsewhere'}`, () => assert.equal(isLocalHost(host), expected))
  }
})

describe('a shared connection', () => {
  let server: Server
  let client: WebhookCaller
  before(async () => {
    server = new Server(true)
    await server.start()
    client = clientOf(server)
  })
  after(async () => {
    client.close()
    await server.stop()
  })

  it('is followed by another where the server ends it, and what was asked is answered', async () => {
    const asked = client.call(server.at('/held'), REVIEW, 30)
    await server.held(1)
    const opened = server.connections
    const session = server.sessions.at(-1)!
    const goaway = new Promise<void>(resolve => session.once('close', () => resolve()))
    session.close()
    assert.deepEqual(await client.call(server.at('/a'), REVIEW, 30), ANSWER)
    server.release()
    assert.deepEqual(await asked, ANSWER)
    await goaway
    assert.deepEqual(await client.call(server.at('/a'), REVIEW, 30), ANSWER)
    assert.equal(server.connections, opened + 1)
  })

  it('may break, and the next request has another', async () => {
    const asked = client.call(server.at('/held'), REVIEW, 30)
    await server.held(1)
    server.sessions.at(-1)!.destroy()
    await assert.rejects(asked, /^WebhookCallError: Post "https:\/\/localhost:\d+\/held\?timeout=30s": /)
    assert.deepEqual(await client.call(server.at('/a'), REVIEW, 30), ANSWER)
    server.release()
  })

  it('goes on where a request has run out of time', async () => {
    const opened = server.connections
    await assert.rejects(client.call(server.at('/held'), REVIEW, 0.05), /context deadline exceeded$/)
    assert.deepEqual(await client.call(server.at('/a'), REVIEW, 30), ANSWER)
    assert.equal(server.connections, opened)
    server.release()
  })

  it('follows redirections', async () => {
    assert.deepEqual(await client.call(server.at('/moved'), REVIEW, 30), ANSWER)
  })

  it('says in the usual words why there is none', async () => {
    const gone = new Server(true)
    await gone.start()
    const target = gone.at('/')
    await gone.stop()
    await assert.rejects(client.call(target, REVIEW, 5), /dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/)
    const other = await createAuthority({ commonName: 'others', clock: systemClock })
    const stranger = { ...server.at('/a'), caBundle: Buffer.from(other.certificate).toString('base64') }
    await assert.rejects(client.call(stranger, REVIEW, 5), /x509: certificate signed by unknown authority$/)
  })
})

it('a shared connection that is dead is found after 45 seconds, and the next request has another', async () => {
  const server = new Server(true)
  await server.start()
  const relays: [Socket, Socket][] = []
  const relay = createServer(socket => {
    const onward = connect(Number(new URL(server.url).port), '127.0.0.1')
    for (const each of [socket, onward]) each.on('error', () => {})
    socket.pipe(onward).pipe(socket)
    relays.push([socket, onward])
  })
  await new Promise<void>(resolve => relay.listen(0, '127.0.0.1', resolve))
  const clock = new SimulatedClock()
  const client = clientOf(server, clock)
  const at = (path: string): WebhookTarget => {
    const { port } = relay.address() as AddressInfo
    return { url: `https://localhost:${port}${path}`, caBundle: server.caBundle }
  }
  const asked = client.call(at('/held'), REVIEW, 600)
  await server.held(1)
  const [[near, far]] = relays as [[Socket, Socket]]
  near.unpipe(far)
  far.unpipe(near)
  await clock.advance(44_999)
  assert.deepEqual([near.destroyed, relays.length], [false, 1])
  await clock.advance(1)
  await assert.rejects(asked, /: http2: client connection lost$/)
  assert.deepEqual(await client.call(at('/a'), REVIEW, 600), ANSWER)
  assert.equal(relays.length, 2)
  client.close()
  relay.close()
  for (const socket of relays.flat()) socket.destroy()
  await server.stop()
})
