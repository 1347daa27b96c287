import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { readEgressConfiguration } from './configuration.ts'
import { throughProxy } from './dial.ts'
import { egressOf } from './egress.ts'

const file = (selections: unknown): string =>
  JSON.stringify({
    apiVersion: 'apiserver.k8s.io/v1beta1',
    kind: 'EgressSelectorConfiguration',
    egressSelections: selections,
  })
const to = (name: string, proxyProtocol: string, transport?: object): object => ({
  name,
  connection: { proxyProtocol, ...(transport === undefined ? {} : { transport }) },
})

describe('the configuration of egress', () => {
  const tls = { caBundle: 'ca', clientCert: 'cert', clientKey: 'key' }
  const table: readonly [name: string, selections: readonly object[], problem: RegExp | undefined][] = [
    ['nothing', [], undefined],
    ['direct', [to('cluster', 'Direct')], undefined],
    ['direct with a proxy', [to('cluster', 'Direct', {})], /transport: Invalid value: "direct": config must be absent/],
    [
      'no protocol',
      [{ name: 'cluster' }],
      /protocol: Unsupported value: "": supported values: "Direct", "HTTPConnect", "GRPC"/,
    ],
    ['no transport', [to('cluster', 'HTTPConnect')], /transport must be set for HTTPConnect/],
    ['no address', [to('cluster', 'HTTPConnect', {})], /tcp: Required value: One of TCP or UDS must be set/],
    ['http', [to('Cluster', 'HTTPConnect', { tcp: { url: 'http://proxy:1' } })], undefined],
    ['https', [to('etcd', 'HTTPConnect', { tcp: { url: 'https://proxy:1', tlsConfig: tls } })], undefined],
    [
      'https without',
      [to('etcd', 'HTTPConnect', { tcp: { url: 'https://proxy' } })],
      /TLSConfig must be present when using HTTPS/,
    ],
    [
      'http with',
      [to('etcd', 'HTTPConnect', { tcp: { url: 'http://proxy', tlsConfig: tls } })],
      /config must not be present when using HTTP/,
    ],
    [
      'no file',
      [to('etcd', 'HTTPConnect', { tcp: { url: 'https://proxy', tlsConfig: { clientCert: 'gone' } } })],
      /TLS client cert does not exist.*requires clientKey/,
    ],
    [
      'other URL',
      [to('etcd', 'HTTPConnect', { tcp: { url: 'ftp://proxy' } })],
      /supported connection protocols are http:\/\/ and https:\/\//,
    ],
    ['a socket', [to('controlplane', 'GRPC', { uds: { udsName: '/x' } })], undefined],
    [
      'gRPC over TCP',
      [to('controlplane', 'GRPC', { tcp: { url: 'http://x' } })],
      /uds: Required value: UDS must be set with GRPC/,
    ],
    ['twice', [to('cluster', 'Direct'), to('Cluster', 'Direct')], /connection\[1\]: Duplicate value: "cluster"/],
    [
      'another name',
      [to('moon', 'Direct')],
      /Unsupported value: "moon": supported values: "cluster", "controlplane", "etcd"/,
    ],
    ['another field', [{ ...to('cluster', 'Direct'), colour: 'red' }], /unknown field "egressSelections\[0\].colour"/],
  ]
  for (const [name, selections, problem] of table)
    test(name, () => {
      const read = () => readEgressConfiguration(file(selections), path => path !== 'gone')
      if (problem === undefined) assert.equal(read().length, selections.length)
      else assert.throws(read, problem)
    })

  test('a transport that is null, as YAML has it where nothing follows, is none', () => {
    const nothing = [{ name: 'cluster', connection: { proxyProtocol: 'Direct', transport: null } }]
    const egress = egressOf(
      readEgressConfiguration(file(nothing), () => true),
      { read: String },
    )
    assert.deepEqual(egress, { cluster: undefined })
  })

  test('each way has its dialer, those that are direct none', () => {
    const uds = { uds: { udsName: '/x' } }
    const all = [to('Cluster', 'HTTPConnect', uds), to('controlplane', 'GRPC', uds), to('etcd', 'Direct')]
    const egress = egressOf(
      readEgressConfiguration(file(all), () => true),
      { read: String },
    )
    assert.deepEqual(
      Object.entries(egress).map(([name, dial]) => [name, typeof dial]),
      [
        ['cluster', 'function'],
        ['controlplane', 'function'],
        ['etcd', 'undefined'],
      ],
    )
  })
})

describe('a proxy', () => {
  let echo: Server
  let proxy: HttpServer
  const asked: string[] = []
  const open = new Set<Duplex>()
  before(async () => {
    echo = createServer(socket => {
      open.add(socket)
      socket.pipe(socket)
    }).listen(0, '127.0.0.1')
    proxy = createHttpServer()
    proxy.on('connect', ({ url = '' }, socket) => {
      open.add(socket)
      socket.on('error', () => {})
      asked.push(url)
      const [host, port] = url.split(':')
      if (host === 'refused') return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      if (host === 'silent') return socket.end()
      if (host === 'strange') return socket.end('hello\r\n\r\n')
      if (host === 'eager') return socket.end('HTTP/1.1 200 OK\r\n\r\nmore')
      const other = connect(Number(port), host)
      open.add(other)
      other.once('connect', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(other).pipe(socket)
      })
    })
    proxy.listen(0, '127.0.0.1')
    await Promise.all([once(echo, 'listening'), once(proxy, 'listening')])
  })
  after(() => {
    for (const socket of open) socket.destroy()
    echo.close()
    proxy.close()
  })
  const portOf = (server: Server): number => (server.address() as AddressInfo).port

  test('joins both sides', async () => {
    const dial = throughProxy({ host: '127.0.0.1', port: portOf(proxy) })
    const socket = await dial('127.0.0.1', portOf(echo))
    socket.write('hello')
    assert.equal(String((await once(socket, 'data'))[0]), 'hello')
    assert.ok(asked.includes(`127.0.0.1:${portOf(echo)}`))
    socket.destroy()
  })

  for (const [host, problem] of [
    ['refused', /^proxy error from 127\.0\.0\.1:\d+ while dialing refused:1, code 403: 403 Forbidden$/],
    ['silent', /^reading HTTP response from CONNECT to silent:1 via proxy 127\.0\.0\.1:\d+ failed: unexpected EOF$/],
    ['strange', /failed: malformed HTTP response "hello"$/],
    ['eager', /^unexpected 4 bytes of buffered data from CONNECT proxy "127\.0\.0\.1:\d+"$/],
  ] as const)
    test(`that is ${host} is told of`, async () => {
      const dial = throughProxy({ host: '127.0.0.1', port: portOf(proxy) })
      await assert.rejects(dial(host, 1), ({ message }: Error) => problem.test(message))
    })

  test('that is not there is told of as Node does', async () => {
    await assert.rejects(throughProxy({ path: '/nowhere/proxy.sock' })('a', 1), /ENOENT/)
  })
})
