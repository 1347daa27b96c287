import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import type { Transport, TransportResponse } from '@canopus/client'
import {
  BUSYBOX_IMAGE,
  busyboxImage,
  startContainerd,
  type TestContainerd,
  whyNoBusybox,
  whyNoContainerd,
} from '@canopus/cri/testing'
import { type CertifiedKey, createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws'
import { busybox, createHarness, type Harness } from '../testing/harness.ts'
import { servePortForwardTunnel } from './port-forward-tunnel.ts'
import { SpdyConnection } from './spdy-connection.ts'

const skip = whyNoContainerd() ?? whyNoBusybox() ?? false
const PORT = 20250 + (process.pid % 1000)
const running = (pod: Pod | undefined): boolean => pod?.status?.phase === 'Running'

interface Answer {
  status: number
  body: string
}

/** Answers reviews: tokens named `good` are admins', the user `nobody` may do nothing. */
function withReviews(inner: Transport): Transport {
  return {
    async send(request) {
      const review = /\/(tokenreviews|subjectaccessreviews)/.exec(request.path)?.[1]
      if (review === undefined) return inner.send(request)
      const { spec } = JSON.parse(new TextDecoder().decode(request.body))
      const status =
        review === 'tokenreviews'
          ? { authenticated: spec.token === 'good', user: { username: 'admin' } }
          : { allowed: spec.user !== 'nobody' }
      const bytes = Buffer.from(JSON.stringify({ metadata: {}, spec, status }))
      const response: TransportResponse = {
        status: 201,
        headers: {},
        bytes: async () => bytes,
        async *chunks() {
          yield bytes
        },
      }
      return response
    },
  }
}

describe('the kubelet’s server', { skip }, () => {
  let containerd: TestContainerd
  let harness: Harness
  let authority: CertifiedKey
  let admin: CertifiedKey
  let nobody: CertifiedKey
  before(async () => {
    containerd = await startContainerd()
    await containerd.import(await busyboxImage())
    authority = await createAuthority({ commonName: 'test', clock: systemClock })
    const issue = (commonName: string, purposes: ('server auth' | 'client auth')[]) =>
      issueCertificate(authority, { commonName, hosts: ['127.0.0.1'], purposes, clock: systemClock })
    const serving = await issue('node-1', ['server auth'])
    admin = await issue('admin', ['client auth'])
    nobody = await issue('nobody', ['client auth'])
    harness = createHarness(
      containerd.cri,
      {
        server: {
          address: '127.0.0.1',
          port: PORT,
          certificate: serving.certificate,
          key: serving.key,
          clientCa: authority.certificate,
        },
      },
      withReviews,
    )
    harness.run('web', {
      containers: [
        busybox(
          BUSYBOX_IMAGE,
          'echo one; echo two >&2; mkdir /www; echo hello > /www/index.html; httpd -p 8080 -h /www; trap "exit 0" TERM; while [ ! -e /stop ]; do sleep 0.05; done; echo; echo end',
        ),
      ],
    })
    await harness.until('web', running)
  })
  after(async () => {
    await harness.close()
    await containerd.stop()
  })

  function get(
    path: string,
    options: { as?: CertifiedKey | undefined; token?: string } = { as: admin },
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        host: '127.0.0.1',
        port: PORT,
        path,
        ca: authority.certificate,
        agent: false,
        ...(options.as && { cert: options.as.certificate, key: options.as.key }),
        headers: options.token ? { authorization: `Bearer ${options.token}` } : {},
      })
      request.on('error', reject)
      request.on('response', response => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', chunk => (body += chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      })
      request.end()
    })
  }

  test('who asks has to be known and allowed', async () => {
    assert.equal((await get('/healthz')).body, 'ok')
    assert.equal((await get('/healthz', {})).status, 401)
    assert.equal((await get('/healthz', { token: 'bad' })).status, 401)
    assert.equal((await get('/healthz', { token: 'good' })).status, 200)
    const refused = await get('/pods', { as: nobody })
    assert.deepEqual(refused, {
      status: 403,
      body: 'Forbidden (user=nobody, verb=get, resource=nodes, subresource(s)=[proxy])\n',
    })
  })

  test('logs: whole, tail, limit, times, one stream, errors', async () => {
    const path = '/containerLogs/default/web/main'
    assert.deepEqual((await get(path)).body.split('\n').sort(), ['', 'one', 'two'])
    assert.equal((await get(`${path}?stream=Stderr`)).body, 'two\n')
    assert.equal((await get(`${path}?limitBytes=2`)).body.length, 2)
    assert.equal((await get(`${path}?tailLines=0`)).body, '')
    assert.match((await get(`${path}?timestamps=true&stream=stderr`)).body, /^\d{4}-\d\d-\d\dT[\d:.]+Z? ?.*two\n$/)
    assert.equal((await get('/containerLogs/default/nope/main')).status, 404)
    assert.deepEqual(await get('/containerLogs/default/web/nope'), {
      status: 404,
      body: 'container "nope" not found in pod "web"',
    })
    const previous = await get(`${path}?previous=true`)
    assert.deepEqual(previous, { status: 400, body: 'previous terminated container "main" in pod "web" not found' })
  })

  function open(path: string, protocol: string): WebSocket {
    return new WebSocket(`wss://127.0.0.1:${PORT}${path}`, protocol, {
      ca: authority.certificate,
      cert: admin.certificate,
      key: admin.key,
    })
  }

  /** Runs a command over WebSocket; returns what came by channel. */
  async function exec(command: string[], protocol: string, stdin?: string): Promise<Map<number, string>> {
    const query = command.map(part => `command=${encodeURIComponent(part)}`).join('&')
    const socket = open(
      `/exec/default/web/main?${query}&output=1&error=1${stdin === undefined ? '' : '&input=1'}`,
      protocol,
    )
    const channels = new Map<number, string>()
    socket.on('message', (data: Buffer) => {
      channels.set(data[0]!, (channels.get(data[0]!) ?? '') + data.subarray(1).toString())
    })
    socket.on('open', () => {
      if (stdin === undefined) return
      socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(stdin)]))
      if (protocol.startsWith('v5')) socket.send(Buffer.from([255, 0]))
    })
    await once(socket, 'close')
    return channels
  }

  test('exec over WebSocket v4 goes straight to the runtime', async () => {
    const channels = await exec(['sh', '-c', 'echo out; echo err >&2; exit 3'], 'v4.channel.k8s.io')
    assert.equal(channels.get(1), 'out\n')
    assert.equal(channels.get(2), 'err\n')
    assert.equal(JSON.parse(channels.get(3)!).details.causes[0].message, '3')
  })

  for (const protocol of ['channel.k8s.io', 'base64.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    test(`exec over ${protocol} too`, async () => {
      const isBase64 = protocol.includes('base64')
      const socket = open('/exec/default/web/main?command=head&command=-n1&input=1&output=1', protocol)
      const channels = new Map<number, string>()
      socket.on('message', (data: Buffer) => {
        const channel = isBase64 ? data[0]! - 0x30 : data[0]!
        const bytes = isBase64 ? Buffer.from(data.subarray(1).toString(), 'base64') : data.subarray(1)
        channels.set(channel, (channels.get(channel) ?? '') + bytes)
      })
      const line = Buffer.from('hello\n')
      socket.on('open', () => socket.send(isBase64 ? `0${line.toString('base64')}` : Buffer.from([0, ...line])))
      await once(socket, 'close')
      assert.equal(socket.protocol, protocol)
      assert.equal(channels.get(1), 'hello\n')
      // The older ones tell of an error alone, and that as text.
      if (protocol.startsWith('v4')) assert.equal(JSON.parse(channels.get(3)!).status, 'Success')
      else assert.equal(channels.get(3) ?? '', '')
    })
  }

  for (const protocol of ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    test(`port-forward over ${protocol}: two channels for a port`, async () => {
      const isBase64 = protocol.includes('base64')
      const socket = open('/portForward/default/web?port=8080', protocol)
      const pieces: Buffer[][] = [[], []]
      socket.on('message', (data: Buffer) => {
        const channel = isBase64 ? data[0]! - 0x30 : data[0]!
        pieces[channel]!.push(isBase64 ? Buffer.from(data.subarray(1).toString(), 'base64') : data.subarray(1))
      })
      const request = Buffer.from('GET / HTTP/1.0\r\n\r\n')
      socket.on('open', () => socket.send(isBase64 ? `0${request.toString('base64')}` : Buffer.from([0, ...request])))
      await once(socket, 'close')
      // each channel begins with its port
      const [data, errors] = pieces.map(each => Buffer.concat(each))
      assert.equal(data!.readUInt16LE(), 8080)
      assert.match(data!.toString(), /hello/)
      assert.deepEqual(errors, Buffer.from([0x90, 0x1f]))
    })
  }

  test('a port-forward by channels has to say which ports', async () => {
    assert.equal(await refused('/portForward/default/web', 'v4.channel.k8s.io'), 400)
    assert.equal(await refused('/portForward/default/web?port=0', 'v4.channel.k8s.io'), 400)
  })

  test('exec over WebSocket v5 is translated: stdin can be closed', async () => {
    const channels = await exec(['sh', '-c', 'wc -c; echo err >&2; exit 5'], 'v5.channel.k8s.io', 'x'.repeat(100_000))
    assert.equal(channels.get(1), '100000\n')
    assert.equal(channels.get(2), 'err\n')
    const status = JSON.parse(channels.get(3)!)
    assert.deepEqual(
      [status.status, status.reason, status.details.causes[0].message],
      ['Failure', 'NonZeroExitCode', '5'],
    )
    const fine = await exec(['true'], 'v5.channel.k8s.io')
    assert.equal(JSON.parse(fine.get(3)!).status, 'Success')
    const much = await exec(
      ['sh', '-c', 'dd if=/dev/zero bs=1M count=20 2>/dev/null | tr "\\0" y'],
      'v5.channel.k8s.io',
    )
    assert.equal(much.get(1)?.length, 20 * 2 ** 20)
  })

  test('port-forward through a WebSocket tunnel', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest({
        host: '127.0.0.1',
        port: PORT,
        path: '/portForward/default/web',
        ca: authority.certificate,
        cert: admin.certificate,
        key: admin.key,
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': Buffer.alloc(16).toString('base64'),
          'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io',
        },
      })
      request.on('upgrade', (response, socket) => {
        socket.destroy()
        resolve(response.headers['sec-websocket-protocol'] ?? '')
      })
      request.on('error', reject)
      request.end()
    })
    assert.equal(answer, 'SPDY/3.1+portforward.k8s.io')

    const { items } = await containerd.cri.listPodSandbox()
    const { url } = await containerd.cri.portForward({ podSandboxId: items[0]!.id })
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    server.on('connection', client => {
      client.pause()
      void servePortForwardTunnel(client, url)
    })
    await once(server, 'listening')
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
    await once(socket, 'open')
    const connection = new SpdyConnection(createWebSocketStream(socket), Buffer.alloc(0))
    await connection.open({ streamtype: 'error', port: '8080', requestid: '0' })
    const data = await connection.open({ streamtype: 'data', port: '8080', requestid: '0' })
    let text = ''
    const over = new Promise<void>(resolve => {
      const onData = (piece: Buffer): void => {
        text += piece
      }
      data.receive({ onData, onEnd: resolve })
    })
    data.write(Buffer.from('GET / HTTP/1.0\r\n\r\n'))
    await over
    assert.match(text, /hello/)
    socket.terminate()
    server.close()
  })

  const refused = async (path: string, protocol = 'v5.channel.k8s.io'): Promise<number | undefined> => {
    const socket = open(path, protocol)
    const [, response] = await once(socket, 'unexpected-response')
    socket.on('error', () => {})
    response.destroy()
    return response.statusCode
  }

  /** With what a stream is refused; `ended` where it is not, and has come to its end. */
  const refusedOrEnded = (path: string): Promise<number | 'ended'> =>
    new Promise(resolve => {
      const socket = open(path, 'v5.channel.k8s.io')
      socket.on('error', () => {})
      socket.on('close', () => resolve('ended'))
      socket.on('unexpected-response', (_, response) => {
        resolve(response.statusCode ?? 0)
        response.destroy()
      })
    })

  test('what cannot be streamed is refused before the upgrade', async () => {
    assert.equal(await refused('/exec/default/web/nope?command=true&output=1'), 404)
    assert.equal(await refused('/exec/default/nope/main?command=true&output=1'), 404)
    assert.equal(await refused('/exec/default/web/main?command=true'), 400)
  })

  test('who attaches to a container that ends at once is told so, and has its log', async () => {
    harness.run('brief', { restartPolicy: 'Never', containers: [busybox(BUSYBOX_IMAGE, 'echo all; sleep 0.1')] })
    await harness.until('brief', pod => ['Running', 'Succeeded'].includes(pod?.status?.phase ?? ''))
    // on a busy machine even a short life may be long enough for somebody to attach
    const outcome = await refusedOrEnded('/attach/default/brief/main?output=1')
    assert.ok([404, 500, 'ended'].includes(outcome), `${outcome}`)
    await harness.until('brief', pod => pod?.status?.phase === 'Succeeded')
    assert.equal((await get('/containerLogs/default/brief/main')).body, 'all\n')
  })

  test('figures', async () => {
    const { body } = await get('/metrics/resource')
    assert.match(body, /^container_memory_working_set_bytes\{container="main",namespace="default",pod="web"\} \d+$/m)
    const summary = JSON.parse((await get('/stats/summary')).body)
    assert.equal(summary.pods[0].podRef.name, 'web')
    assert.ok(summary.pods[0].containers[0].memory.workingSetBytes > 0)
    assert.equal(JSON.parse((await get('/pods')).body).items.length, 2)
  })

  test('a pod answers under its own address', async () => {
    const socket = connect(8080, harness.pod('web')!.status!.podIP!)
    socket.write('GET / HTTP/1.0\r\n\r\n')
    let text = ''
    for await (const chunk of socket) text += chunk
    assert.match(text, /hello/)
  })

  test('following a log ends with the container', async () => {
    const following = get('/containerLogs/default/web/main?follow=true&tailLines=1')
    await exec(['touch', '/stop'], 'v4.channel.k8s.io')
    const { body } = await following
    assert.match(body, /end\n$/)
    await harness.until('web', pod => pod?.status?.containerStatuses?.[0]?.restartCount === 1)
    assert.match((await get('/containerLogs/default/web/main?previous=true')).body, /end\n$/)
  })
})
