import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { Nodes, Pods, ServiceAccounts } from '@canopus/api'
import { createClient } from '@canopus/client'
import { type EchoKubelet, startEchoKubelet } from '../testing/kubelet.ts'
import { type SecureServer, startSecureServer } from '../testing/secure-server.ts'

let secure: SecureServer
let kubelet: EchoKubelet
let session: ClientHttp2Session | undefined

/** Connections that idle are ended: other tests of the process may come in between. */
function connected(): ClientHttp2Session {
  if (session === undefined || session.closed || session.destroyed) session = connectHttp2(secure.url, identity())
  return session
}
const identity = (): { ca: string; cert: string; key: string } => ({
  ca: secure.pki.ca.certificate,
  cert: secure.admin.certificate,
  key: secure.admin.key,
})

before(async () => {
  secure = await startSecureServer()
  kubelet = await startEchoKubelet(secure.pki.apiserver, secure.pki.ca.certificate)
  await seed()
})
after(async () => {
  session?.destroy()
  await kubelet.stop()
  await secure.stop()
})

async function seed(): Promise<void> {
  const client = createClient(secure.server.transport({ name: 'seed', groups: ['system:masters'] }))
  const node = await client.resource(Nodes).create({ metadata: { name: 'n1' }, spec: {} })
  await client.resource(Nodes).updateStatus({
    ...node,
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
    },
  })
  await client.resource(ServiceAccounts).create({ metadata: { name: 'default', namespace: 'default' } })
  const pods = client.resource(Pods)
  for (const name of ['p', 'waiting']) {
    await pods.create({
      metadata: { name, namespace: 'default' },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] },
    })
  }
}

interface Answer {
  status: number
  text: string
}

function h2(method: string, path: string, body?: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = connected().request(
      { ':method': method, ':path': path, ...headers },
      { endStream: body === undefined },
    )
    let status = 0
    const chunks: Buffer[] = []
    stream.on('response', each => {
      status = Number(each[':status'])
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => resolve({ status, text: Buffer.concat(chunks).toString() }))
    stream.on('error', reject)
    if (body !== undefined) stream.end(body)
  })
}

function h1(method: string, path: string, body?: Uint8Array): Promise<Answer & Pick<IncomingMessage, 'headers'>> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(`${secure.url}${path}`, { method, ...identity() }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode, headers } = response
        resolve({ status: statusCode!, text: Buffer.concat(chunks).toString(), headers })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

function tls(): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port: secure.listener.port, ...identity() }, () => resolve(socket))
    socket.on('error', reject)
  })
}

const CMS = '/api/v1/namespaces/default/configmaps'
const big = Buffer.from(JSON.stringify({ metadata: { name: 'big' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } }))
const named = (name: string): Buffer => Buffer.from(JSON.stringify({ metadata: { name } }))

/** A request in bytes with one more header, whose name is as given. Resolves with the type of the frame that answers. */
function rawH2(header: string, value: string): Promise<number> {
  const literal = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
  const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload])
  // :method GET and :scheme https by their numbers, :path, :authority and the header written out (RFC 7541).
  const block = [
    [0x82, 0x87, 0x04],
    literal(CMS),
    [0x01],
    literal('localhost'),
    [0x00],
    literal(header),
    literal(value),
  ]
  const request = Buffer.concat(block.map(part => Buffer.from(part)))
  return new Promise((resolve, reject) => {
    const port = secure.listener.port
    const socket = connectTls({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], ...identity() }, () => {
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
      socket.write(Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(1, 5, 1, request)]))
    })
    let seen = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk])
      while (seen.length >= 9 && seen.length >= 9 + seen.readUIntBE(0, 3)) {
        const [length, type, stream] = [seen.readUIntBE(0, 3), seen[3]!, seen.readUInt32BE(5)]
        seen = seen.subarray(9 + length)
        if (stream !== 1 && type !== GO_AWAY) continue
        socket.destroy()
        resolve(type)
      }
    })
  })
}
const [HEADERS, RST_STREAM, GO_AWAY] = [1, 3, 7]

describe('impersonation over HTTP/2', () => {
  const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const review = Buffer.from(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }))
  const rows: readonly [string, Record<string, string>, number, RegExp][] = [
    ['acts as a user', { 'impersonate-user': 'jane' }, 201, /"username":"jane"/],
    ['as one with names in capitals', { 'Impersonate-User': 'jane', 'Impersonate-Uid': 'u1' }, 201, /"uid":"u1"/],
    ['needs a user', { 'impersonate-group': 'dev' }, 400, /without impersonating a user name/],
    ['needs a user for more', { 'impersonate-extra-a': 'x' }, 400, /without impersonating a user name/],
  ]
  for (const [name, headers, status, text] of rows)
    it(name, async () => {
      const answer = await h2('POST', whoami, review, headers)
      assert.equal(answer.status, status)
      assert.match(answer.text, text)
    })

  // The list of headers is searched for names in lower case alone.
  it('is not passed over where capitals come off the wire: such requests are not served', async () => {
    assert.equal(await rawH2('impersonate-user', 'jane'), HEADERS)
    const first = await rawH2('Impersonate-User', 'jane')
    assert.ok(first === RST_STREAM || first === GO_AWAY, `frame ${first}`)
  })
})

describe('both protocols', () => {
  for (const [name, send] of [
    ['HTTP/2', h2],
    ['HTTP/1.1', h1],
  ] as const) {
    it(`${name}: writes, reads and refuses`, async () => {
      const id = name === 'HTTP/2' ? 'two' : 'one'
      assert.equal((await send('POST', CMS, named(id))).status, 201)
      assert.equal((await send('GET', `${CMS}/${id}`)).status, 200)
      assert.equal((await send('GET', `${CMS}/none`)).status, 404)
      const refused = await send('POST', CMS, big)
      assert.equal(refused.status, 413)
      assert.equal(JSON.parse(refused.text).message, 'Request entity too large: limit is 3145728')
      assert.equal((await send('GET', `${CMS}/${id}`)).status, 200)
    })
  }

  // Commands of exec stand in the query.
  it('HTTP/1.1: reads a long query', async () => {
    assert.equal((await h1('GET', `${CMS}?x=${'x'.repeat(900_000)}`)).status, 200)
  })

  it('HTTP/2: reads long headers', async () => {
    const other = connectHttp2(secure.url, { ...identity(), maxSendHeaderBlockLength: 1 << 20 })
    // One value may have 64 KiB there, whatever the server allows.
    const stream = other.request({ ':path': `${CMS}?x=${'~'.repeat(50_000)}`, 'x-other': '~'.repeat(50_000) })
    const [headers] = await once(stream, 'response')
    assert.equal(headers[':status'], 200)
    other.destroy()
  })

  const unreadable: readonly [string, string, string][] = [
    ['headers that are too long', `GET / HTTP/1.1\r\na: ${'x'.repeat(2 << 20)}`, '431 Request Header Fields Too Large'],
    ['no HTTP at all', 'nonsense\r\n\r\n', '400 Bad Request'],
  ]
  for (const [name, text, status] of unreadable)
    it(`HTTP/1.1: says what is wrong with ${name}`, async () => {
      const socket = await tls()
      socket.write(text)
      const [answer] = await once(socket, 'data')
      assert.match(String(answer), new RegExp(`^HTTP/1.1 ${status}\r\n[^]*\r\n\r\n${status}$`))
      socket.destroy()
    })

  it('stores nothing of a body that was cut short with its connection', async () => {
    const other = connectHttp2(secure.url, identity())
    other.on('error', () => {})
    const stream = other.request({ ':method': 'POST', ':path': CMS })
    stream.on('error', () => {})
    // What arrives is valid by itself; only the missing end tells that it is not all.
    await new Promise(resolve => stream.write(named('cut'), resolve))
    const gone = new Promise(resolve => other.on('close', resolve))
    other.destroy()
    await gone
    assert.equal((await h2('GET', `${CMS}/cut`)).status, 404)
  })

  it('speaks HTTP/1.1 alone where that is asked for, on a port that others may listen on too', async t => {
    const { server, pki } = secure
    const certificates = { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate }
    const options = { address: '127.0.0.1', port: 0, tls: certificates, http2: false, sharePort: true }
    const first = await server.listen(options)
    t.after(() => first.close())
    const second = await server.listen({ ...options, port: first.port })
    t.after(() => second.close())
    const connect = { host: '127.0.0.1', port: first.port, ...identity() }
    const socket = connectTls({ ...connect, ALPNProtocols: ['h2', 'http/1.1'] })
    await once(socket, 'secureConnect')
    assert.equal(socket.alpnProtocol, 'http/1.1')
    socket.destroy()
    await assert.rejects(once(connectTls({ ...connect, ALPNProtocols: ['h2'] }), 'secureConnect'))
  })

  it('knows people by their certificates, and strangers not', async () => {
    const me = await h2('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', Buffer.from('{}'))
    assert.equal(JSON.parse(me.text).status.userInfo.username, 'admin')
    const stranger = connectHttp2(secure.url, { ca: secure.pki.ca.certificate })
    const status = await new Promise(resolve => {
      stranger.request({ ':path': CMS }).on('response', each => resolve(each[':status']))
    })
    assert.equal(status, 403)
    stranger.destroy()
  })
})

describe('kubelets', () => {
  it('passes logs on', async () => {
    const { status, text } = await h2('GET', '/api/v1/namespaces/default/pods/p/log?tailLines=2&follow=true')
    assert.equal(status, 200)
    assert.equal(text, 'first line\nsecond line\n')
    assert.deepEqual(kubelet.requests.at(-1), {
      line: 'GET /containerLogs/default/p/c?follow=true&tailLines=2',
      certified: true,
    })
  })

  const logErrors: readonly [string, number, RegExp][] = [
    ['/api/v1/namespaces/default/pods/none/log', 404, /pods \\"none\\" not found/],
    ['/api/v1/namespaces/default/pods/p/log?container=x', 400, /container x is not valid for pod p/],
    ['/api/v1/namespaces/default/pods/p/log?sinceSeconds=-1', 422, /sinceSeconds: Invalid value: -1/],
  ]
  for (const [path, code, message] of logErrors) {
    it(`answers ${code} to ${path}`, async () => {
      const { status, text } = await h2('GET', path)
      assert.equal(status, code, text)
      assert.match(text, message)
    })
  }

  it('joins exec with the kubelet, both ways', async () => {
    const socket = await tls()
    socket.write(
      'POST /api/v1/namespaces/default/pods/p/exec?command=sh&command=-c&stdin=true&stdout=true HTTP/1.1\r\n' +
        'Host: x\r\nX-Stream-Protocol-Version: v5.channel.k8s.io\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n' +
        'Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n',
    )
    let text = ''
    const echoed = new Promise<void>(resolve => {
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.endsWith('\r\n\r\n')) socket.write('hello')
        if (text.endsWith('hello')) resolve()
      })
    })
    await echoed
    assert.match(text, /^HTTP\/1.1 101 /)
    assert.equal(kubelet.requests.at(-1)!.line, 'POST /exec/default/p/c?input=1&output=1&command=sh&command=-c')
    assert.deepEqual(kubelet.protocols, ['v5.channel.k8s.io', 'v4.channel.k8s.io'])
    socket.destroy()
  })

  it('makes a Status of what kubelets refuse', async () => {
    const { status, text } = await h2('GET', '/api/v1/namespaces/default/pods/waiting/log')
    assert.equal(status, 400)
    assert.equal(JSON.parse(text).message, 'container "c" in pod "waiting" is waiting to start')
  })

  it('refuses upgrades with a Status', async () => {
    const socket = await tls()
    socket.write(
      'GET /api/v1/namespaces/default/pods/none/exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    let text = ''
    await new Promise(resolve => {
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      socket.on('end', resolve)
    })
    assert.match(text, /^HTTP\/1.1 404 Not Found\r\n[\s\S]*pods \\"none\\" not found/)
  })

  it('proxies to nodes, and keeps redirects below its path', async () => {
    const { status, text } = await h2('GET', '/api/v1/nodes/n1/proxy/some/path?a=b')
    assert.equal(status, 200)
    assert.match(text, /first line/)
    assert.equal(kubelet.requests.at(-1)!.line, 'GET /some/path?a=b')
    const location = await new Promise(resolve => {
      connected()
        .request({ ':path': '/api/v1/nodes/n1/proxy/redirect' })
        .on('response', each => resolve(each.location))
    })
    assert.equal(location, '/api/v1/nodes/n1/proxy/elsewhere')
    const page = await h1('GET', '/api/v1/nodes/n1/proxy/page/one')
    assert.equal(page.text, '<a href="/api/v1/nodes/n1/proxy/link">/api/v1/nodes/n1/proxy/page/one</a>')
    assert.equal(page.headers['access-control-allow-origin'], undefined)
  })
})
