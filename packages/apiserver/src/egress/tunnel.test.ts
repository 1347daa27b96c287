/** Connections through konnectivity: a stand-in, and upstream's own where its programs are given. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, request } from 'node:http'
import { createServer as createHttpsServer, get } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { MetricsRegistry } from '@canopus/base'
import { createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import { type Konnectivity, startKonnectivity } from '../testing/konnectivity.ts'
import { dialled, EgressAgent } from './dial.ts'
import { measuredDials } from './dial-metrics.ts'
import { egressOf } from './egress.ts'
import { dialTunnel } from './tunnel.ts'

const folder = mkdtempSync(join(tmpdir(), 'canopus-tunnel-'))
after(() => rmSync(folder, { recursive: true, force: true }))

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** What any such proxy must do. */
function tunnelSuite(title: string, start: () => Promise<string>, skip: string | false = false): void {
  describe(title, { skip }, () => {
    const open = new Set<Socket>()
    const servers: Server[] = []
    let path = ''
    let port = 0
    let closed = 0
    before(async () => {
      path = await start()
      const echo = createServer({ allowHalfOpen: false }, socket => {
        open.add(socket)
        socket.on('error', () => {}).on('close', () => closed++)
        socket.pipe(socket)
      })
      servers.push(echo)
      port = await listening(echo)
    })
    after(() => {
      for (const socket of open) socket.destroy()
      for (const server of servers) server.close()
    })

    test('bytes go both ways, many and in order', async () => {
      const socket = await dialTunnel(path, '127.0.0.1', port)
      const sent = randomBytes(5 * 1024 * 1024 + 17)
      const seen = createHash('sha256')
      let length = 0
      const done = new Promise<void>(resolve => {
        socket.on('data', (chunk: Buffer) => {
          seen.update(chunk)
          length += chunk.length
          if (length === sent.length) resolve()
        })
      })
      socket.write(sent)
      await done
      assert.equal(seen.digest('hex'), createHash('sha256').update(sent).digest('hex'))
      socket.destroy()
    })

    test('a reader that waits loses nothing', async () => {
      const socket = await dialTunnel(path, '127.0.0.1', port)
      const sent = randomBytes(3 * 1024 * 1024)
      socket.write(sent)
      await wait(300)
      const got: Buffer[] = []
      let length = 0
      for await (const chunk of socket) {
        got.push(chunk)
        length += chunk.length
        if (length === sent.length) break
      }
      assert.ok(Buffer.concat(got).equals(sent))
    })

    test('whoever is done closes the other end', async () => {
      const before = closed
      const socket = await dialTunnel(path, '127.0.0.1', port)
      socket.destroy()
      while (closed === before) await wait(10)
    })

    test('the other side may close first', async () => {
      const server = createServer(socket => socket.end('bye'))
      servers.push(server)
      const socket = await dialTunnel(path, '127.0.0.1', await listening(server))
      const chunks: Buffer[] = []
      for await (const chunk of socket) chunks.push(chunk)
      assert.equal(Buffer.concat(chunks).toString(), 'bye')
    })

    test('who is not there is told of', async () => {
      await assert.rejects(dialTunnel(path, '127.0.0.1', 1), /refused/i)
    })

    test('HTTP, and HTTP over TLS, go over it', async () => {
      const authority = await createAuthority({ commonName: 'ca', clock: systemClock })
      const pair = await issueCertificate(authority, {
        commonName: 'x',
        hosts: ['127.0.0.1'],
        purposes: ['server auth'],
        clock: systemClock,
      })
      const plain = createHttpServer((_, response) => response.end('plain'))
      const secure = createHttpsServer({ key: pair.key, cert: pair.certificate }, (_, response) =>
        response.end('secure'),
      )
      servers.push(plain, secure)
      const dial = (host: string, to: number) => dialTunnel(path, host, to)
      const over = request({ host: '127.0.0.1', port: await listening(plain), ...dialled(dial) })
      const textOf = async (of: ReturnType<typeof request>): Promise<string> => {
        const [response] = await once(of, 'response')
        let text = ''
        for await (const chunk of response) text += chunk
        return text
      }
      assert.equal(await textOf(over.end()), 'plain')
      const agent = new EgressAgent(dial, { ca: authority.certificate, keepAlive: true })
      const to = { host: '127.0.0.1', port: await listening(secure), agent }
      assert.equal(await textOf(get(to)), 'secure')
      assert.equal(await textOf(get(to)), 'secure')
      agent.destroy()
    })
  })
}

let standIn: Konnectivity
after(() => standIn?.stop())
tunnelSuite('a tunnel of a stand-in', async () => {
  const path = join(folder, 'stand-in')
  standIn = await startKonnectivity(path)
  return path
})

test('dials are counted by how they went', async () => {
  const registry = new MetricsRegistry()
  const measured = measuredDials(systemClock, registry)
  const to = (udsName: string) => ({ connection: { proxyProtocol: 'GRPC', transport: { uds: { udsName } } } })
  const gone = join(folder, 'nobody')
  const { cluster, controlplane, etcd } = egressOf(
    [
      { name: 'cluster', ...to(gone) },
      { name: 'controlplane', ...to(join(folder, 'stand-in')) },
      { name: 'etcd', connection: { proxyProtocol: 'HTTPConnect', transport: { uds: { udsName: gone } } } },
    ],
    { read: String, measured },
  )
  await assert.rejects(cluster!('127.0.0.1', 1), {
    message: `connection error: desc = "transport: error while dialing: dial unix ${gone}: connect: no such file or directory"`,
  })
  await assert.rejects(controlplane!('127.0.0.1', 1), /ECONNREFUSED/)
  await assert.rejects(etcd!('127.0.0.1', 1), /ENOENT/)
  const server = createServer()
  const socket = await controlplane!('127.0.0.1', await listening(server))
  socket.destroy()
  server.close()
  const text = registry.text()
  for (const line of [
    'start_total{protocol="grpc",transport="uds"} 3',
    'failure_count{protocol="grpc",stage="connect",transport="uds"} 1',
    'failure_count{protocol="grpc",stage="proxy",transport="uds"} 1',
    'failure_count{protocol="http_connect",stage="connect",transport="uds"} 1',
    'duration_seconds_count{protocol="grpc",transport="uds"} 1',
  ])
    assert.ok(text.includes(`apiserver_egress_dialer_dial_${line}`), `${line} in\n${text}`)
})

/** A folder with upstream's `proxy-server` and `proxy-agent` (conformance/README.md says how to build them). */
const programs = process.env.CANOPUS_KONNECTIVITY ?? ''
const running: ReturnType<typeof spawn>[] = []
after(() => {
  for (const child of running) child.kill('SIGKILL')
})
tunnelSuite(
  "a tunnel of upstream's konnectivity",
  async () => {
    const free = async (): Promise<number> => {
      const server = createServer()
      const port = await listening(server)
      server.close()
      return port
    }
    const authority = await createAuthority({ commonName: 'ca', clock: systemClock })
    const issued = async (usage: 'server' | 'client') =>
      issueCertificate(authority, {
        commonName: 'x',
        hosts: ['127.0.0.1'],
        purposes: [`${usage} auth`],
        clock: systemClock,
      })
    const files: Record<string, string> = { ca: authority.certificate }
    for (const usage of ['server', 'client'] as const) {
      const { certificate, key } = await issued(usage)
      files[`${usage}.crt`] = certificate
      files[`${usage}.key`] = key
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const at = (name: string): string => join(folder, name)
    const path = at('konnectivity')
    const [agents, admin, health, own, ownHealth] = [
      await free(),
      await free(),
      await free(),
      await free(),
      await free(),
    ]
    const start = (program: string, ...args: string[]): void => {
      running.push(spawn(join(programs, program), args, { stdio: 'ignore' }))
    }
    start(
      'proxy-server',
      ...['--mode=grpc', `--uds-name=${path}`, '--server-port=0', `--agent-port=${agents}`, `--admin-port=${admin}`],
      ...[`--health-port=${health}`, '--agent-bind-address=127.0.0.1', `--cluster-ca-cert=${at('ca')}`],
      ...[`--cluster-cert=${at('server.crt')}`, `--cluster-key=${at('server.key')}`],
    )
    start(
      'proxy-agent',
      ...[`--ca-cert=${at('ca')}`, `--agent-cert=${at('client.crt')}`, `--agent-key=${at('client.key')}`],
      ...['--proxy-server-host=127.0.0.1', `--proxy-server-port=${agents}`, '--sync-interval=200ms'],
      ...[`--admin-server-port=${own}`, `--health-server-port=${ownHealth}`],
    )
    // Until the agent is there the server connects nobody.
    const server = createServer()
    const port = await listening(server)
    for (let attempt = 0; ; attempt++) {
      try {
        const socket = await dialTunnel(path, '127.0.0.1', port)
        socket.destroy()
        break
      } catch (error) {
        if (attempt === 100) throw error
        await wait(200)
      }
    }
    server.close()
    return path
  },
  existsSync(join(programs, 'proxy-server')) ? false : 'CANOPUS_KONNECTIVITY names no folder with proxy-server',
)
