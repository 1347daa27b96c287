import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { ConfigMaps, Nodes, Pods, ServiceAccounts } from '@canopus/api'
import { type Client, createClient } from '@canopus/client'
import { WebSocket } from 'ws'
import { type EchoKubelet, startEchoKubelet } from '../testing/kubelet.ts'
import { type SecureServer, startSecureServer } from '../testing/secure-server.ts'
import {
  jsonEvents,
  type MessageForm,
  protobufEvents,
  readerForm,
  readerProtocol,
  watchProtocol,
} from './web-socket.ts'

describe('the protocol of a WebSocket answer', () => {
  const readers: readonly [readonly string[], string | number][] = [
    [[], ''],
    [['binary.k8s.io'], 'binary.k8s.io'],
    [['other', 'base64.binary.k8s.io', 'binary.k8s.io'], 'base64.binary.k8s.io'],
    [['channel.k8s.io'], 403],
  ]
  for (const [offered, expected] of readers) {
    it(`of a log, offered ${offered}`, () => assert.equal(readerProtocol(offered), expected))
  }

  const watches: readonly [readonly string[], string | undefined, string | number][] = [
    [[], 'https://example.com', ''],
    [['anything'], 'https://example.com', 'anything'],
    [['one', 'two'], 'https://example.com', 400],
    [[], undefined, 403],
    [[], 'null', 403],
    [[], '/', ''],
  ]
  for (const [offered, origin, expected] of watches) {
    it(`of a watch from ${origin}, offered ${offered}`, () => assert.equal(watchProtocol(offered, origin), expected))
  }
})

describe('messages of an answer', () => {
  const taken = (form: MessageForm, chunks: readonly string[]): string[] =>
    chunks.flatMap(each => form.take(Buffer.from(each, 'latin1'))).map(each => Buffer.from(each).toString('latin1'))

  it('are its lines, wherever a chunk ends', () => {
    assert.deepEqual(taken(jsonEvents(), ['{"a":1}\n{"b"', ':2}', '\n', '{}\n{}\n']), [
      '{"a":1}\n',
      '{"b":2}\n',
      '{}\n',
      '{}\n',
    ])
  })

  it('are its frames without their length', () => {
    const chunks = ['\0\0\0\x02ab\0\0', '\0\x01c', '\0\0\0\x03', 'de', 'f\0\0\0\0']
    assert.deepEqual(taken(protobufEvents(), chunks), ['ab', 'c', 'def', ''])
  })

  it('are the bytes of a log', () => {
    assert.deepEqual(taken(readerForm(''), ['ab', '', 'c']), ['ab', 'c'])
    assert.deepEqual(taken(readerForm('base64.binary.k8s.io'), ['ab', 'c']), ['YWI=', 'Yw=='])
  })
})

describe('WebSocket', () => {
  let secure: SecureServer
  let kubelet: EchoKubelet
  let client: Client
  const LOG = '/api/v1/namespaces/default/pods/p/log'
  const WATCH = '/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0'

  before(async () => {
    secure = await startSecureServer()
    kubelet = await startEchoKubelet(secure.pki.apiserver, secure.pki.ca.certificate)
    client = createClient(secure.server.transport({ name: 'seed', groups: ['system:masters'] }))
    const node = await client.resource(Nodes).create({ metadata: { name: 'n1' }, spec: {} })
    const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }]
    const daemonEndpoints = { kubeletEndpoint: { Port: kubelet.port } }
    await client.resource(Nodes).updateStatus({ ...node, status: { addresses, daemonEndpoints } })
    await client.resource(ServiceAccounts).create({ metadata: { name: 'default', namespace: 'default' } })
    for (const name of ['p', 'waiting', 'following'])
      await client.resource(Pods).create({
        metadata: { name, namespace: 'default' },
        spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] },
      })
    await client.resource(ConfigMaps).create({ metadata: { name: 'first', namespace: 'default' } })
  })
  after(async () => {
    await kubelet.stop()
    await secure.stop()
  })

  function open(path: string, protocols: string[], headers: Record<string, string> = {}): WebSocket {
    const { certificate: cert, key } = secure.admin
    const ca = secure.pki.ca.certificate
    return new WebSocket(`wss://127.0.0.1:${secure.listener.port}${path}`, protocols, { ca, cert, key, headers })
  }

  async function refused(path: string, protocols: string[], headers?: Record<string, string>): Promise<number> {
    const socket = open(path, protocols, headers)
    socket.on('error', () => {})
    const [, response] = await once(socket, 'unexpected-response')
    response.destroy()
    return response.statusCode
  }

  /** Everything that comes until the server closes: whether as text, and the messages. */
  async function everything(socket: WebSocket): Promise<[boolean, string][]> {
    const messages: [boolean, string][] = []
    socket.on('message', (data: Buffer, isBinary) => messages.push([isBinary, data.toString()]))
    const [code] = await once(socket, 'close')
    assert.equal(code, 1000)
    return messages
  }

  const TEXT = 'first line\nsecond line\n'
  const logs: readonly [string[], string, boolean][] = [
    [[], '', true],
    [['binary.k8s.io'], 'binary.k8s.io', true],
    [['base64.binary.k8s.io'], 'base64.binary.k8s.io', false],
  ]
  for (const [protocols, chosen, binary] of logs) {
    it(`brings logs as messages: ${chosen || 'no protocol'}`, async () => {
      const socket = open(LOG, protocols)
      const [first, ...rest] = await everything(socket)
      assert.equal(socket.protocol, chosen)
      assert.deepEqual(first, [binary, ''])
      assert.ok(rest.every(([isBinary]) => isBinary === binary))
      const text = rest.map(([, each]) => (binary ? each : Buffer.from(each, 'base64').toString())).join('')
      assert.equal(text, TEXT)
    })
  }

  it('is refused where log or protocol is not to be had', async () => {
    assert.equal(await refused('/api/v1/namespaces/default/pods/none/log', []), 404)
    assert.equal(await refused('/api/v1/namespaces/default/pods/waiting/log', []), 400)
    assert.equal(await refused(LOG, ['v4.channel.k8s.io']), 403)
    assert.equal(await refused(WATCH, []), 403)
    assert.equal(await refused(WATCH, ['a', 'b'], { origin: 'https://example.com' }), 400)
  })

  it('ends the log at the kubelet when its reader leaves', async () => {
    const socket = open('/api/v1/namespaces/default/pods/following/log?follow=true', [])
    await once(socket, 'open')
    await kubelet.until(() => kubelet.following === 1)
    socket.terminate()
    await kubelet.until(() => kubelet.following === 0)
  })

  it('ends the log at the kubelet when the protocol is refused', async () => {
    assert.equal(await refused('/api/v1/namespaces/default/pods/following/log?follow=true', ['x']), 403)
    await kubelet.until(() => kubelet.following === 0)
    assert.match(kubelet.requests.at(-1)!.line, /following/)
  })

  it('brings a watch, one text message for each event', async () => {
    const socket = open(`${WATCH}&timeoutSeconds=2`, ['some'], { origin: 'https://example.com' })
    socket.once('message', () => {
      for (const name of ['second', 'third'])
        void client.resource(ConfigMaps).create({ metadata: { name, namespace: 'default' } })
    })
    const messages = await everything(socket)
    assert.equal(socket.protocol, 'some')
    const events = messages.map(([isBinary, text]) => {
      assert.ok(!isBinary && text.endsWith('\n'))
      const { type, object } = JSON.parse(text)
      return `${type} ${object.kind} ${object.metadata.name}`
    })
    const names = ['first', 'second', 'third'].map(name => `ADDED ConfigMap ${name}`)
    assert.deepEqual(events.toSorted(), names)
  })

  it('brings a watch in protobuf as binary messages', async () => {
    const headers = { origin: 'https://example.com', accept: 'application/vnd.kubernetes.protobuf' }
    const socket = open(WATCH, [], headers)
    const [data, isBinary] = await once(socket, 'message')
    socket.close()
    assert.ok(isBinary)
    // a WatchEvent's first field is its type
    assert.equal(data.subarray(0, 7).toString('latin1'), '\n\x05ADDED')
    assert.ok(data.includes('k8s\0'))
  })

  it('ends the watch when its reader leaves', async () => {
    const figure = async (): Promise<string | undefined> => {
      const { body } = await metrics()
      return /^apiserver_longrunning_requests\{.*resource="secrets".*\} (\d+)$/m.exec(body)?.[1]
    }
    const socket = open('/api/v1/secrets?watch=true', [], { origin: 'https://example.com' })
    await once(socket, 'open')
    assert.equal(await figure(), '1')
    socket.terminate()
    while ((await figure()) === '1') await new Promise(setImmediate)
  })

  const metrics = async (): Promise<{ body: string }> => {
    const response = await secure.server.transport({ name: 'me', groups: ['system:masters'] }).send({
      method: 'GET',
      path: '/metrics',
      headers: {},
    })
    return { body: Buffer.from(await response.bytes()).toString() }
  }

  /** What is answered to a request that asks for an upgrade, with the connection's end. */
  async function raw(text: string): Promise<string> {
    const { certificate: cert, key } = secure.admin
    const socket = connect({ host: '127.0.0.1', port: secure.listener.port, ca: secure.pki.ca.certificate, cert, key })
    socket.write(text)
    let answer = ''
    for await (const chunk of socket) answer += chunk
    return answer
  }

  it('is not what a list comes over: that is answered as ever', async () => {
    assert.equal(await refused('/api/v1/namespaces/default/configmaps/first', []), 200)
    const answer = await raw(
      'GET /api/v1/namespaces/default/configmaps/first HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    )
    assert.match(answer, /^HTTP\/1.1 200 OK\r\n[\s\S]*connection: close\r\n[\s\S]*"name":"first"/i)
    assert.match(answer, /^audit-id: /im)
  })

  it('is not what another upgrade of a watch gets', async () => {
    const answer = await raw(
      `GET ${WATCH}&timeoutSeconds=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
    )
    assert.match(answer, /^HTTP\/1.1 200 OK\r\n[\s\S]*"type":"ADDED"[\s\S]*\r\n0\r\n\r\n$/)
    assert.match(answer, /^transfer-encoding: chunked\r$/im)
  })

  it('is nothing that a write depends on', async () => {
    const body = JSON.stringify({ metadata: { name: 'written', labels: { 'upgrade-test': 'yes' } } })
    const answer = await raw(
      `POST /api/v1/namespaces/kube-system/configmaps HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    assert.match(answer, /^HTTP\/1.1 201 Created\r\n/)
  })

  it('passes a token among its protocols on to nobody', async () => {
    const socket = open('/api/v1/namespaces/default/pods/p/exec?stdout=true', [
      'v4.channel.k8s.io',
      `base64url.bearer.authorization.k8s.io.${Buffer.from('secret').toString('base64url')}`,
    ])
    // The kubelet of this test answers with another protocol, which ends it.
    await once(socket, 'error')
    assert.match(kubelet.requests.at(-1)!.line, /exec/)
    assert.equal(kubelet.webSocketProtocols, 'v4.channel.k8s.io')
  })
})
