import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import type { CliEnvironment } from '@canopus/cli'
import { defaultConfiguration, readConfiguration } from '@canopus/scheduler'
import { Command } from 'commander'
import { addScheduler } from './scheduler.ts'
import { askExtender, limitsOf, readSchedulerConfiguration } from './scheduler-configuration.ts'

let server: Server | undefined
afterEach(() => server?.close().closeAllConnections())

/** An extender that answers with what it was asked, and fails where it is asked to `fail`. */
async function anExtender(): Promise<string> {
  server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { method, url } = request
      const body = JSON.parse(Buffer.concat(parts).toString()) as unknown
      response.statusCode = url === '/base/fail' ? 500 : 200
      response.end(JSON.stringify({ method, url, type: request.headers['content-type'], body }))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`
}

test('extenders are asked by POST below their URL, and fail in upstream’s words', async () => {
  const urlPrefix = await anExtender()
  const [extender] = readConfiguration({ extenders: [{ urlPrefix, preemptVerb: 'preempt' }] }).extenders
  const { signal } = new AbortController()
  assert.deepEqual(await askExtender(extender!, 'preempt', { Pod: null }, signal), {
    method: 'POST',
    url: '/base/preempt',
    type: 'application/json',
    body: { Pod: null },
  })
  await assert.rejects(askExtender(extender!, 'fail', {}, signal), {
    message: `failed fail with extender at URL ${urlPrefix}fail, code 500`,
  })
})

test('how a server is believed in', () => {
  const read = (more: Record<string, unknown>) =>
    readConfiguration({ extenders: [{ urlPrefix: 'http://x', ...more }] }).extenders[0]!
  assert.deepEqual(read({}).tls, undefined)
  assert.deepEqual(read({ enableHTTPS: true }).tls, { insecure: true })
  assert.equal(read({ enableHTTPS: true }).urlPrefix, 'https://x')
  const tlsConfig = { caData: 'Y2E=', serverName: 'y', certFile: '/c' }
  assert.deepEqual(read({ enableHTTPS: true, tlsConfig }).tls, { insecure: false, ...tlsConfig })
})

test('--write-config-to writes what the flags come to, and ends', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-scheduler-'))
  try {
    const file = join(directory, 'written.yaml')
    const program = new Command()
    addScheduler(program, { home: { root: directory } } as CliEnvironment)
    const flags = [
      '--write-config-to',
      file,
      '--kubeconfig=k',
      '--kube-api-qps=12.5',
      '--leader-elect-lease-duration=30s',
    ]
    await program.parseAsync(['scheduler', ...flags], { from: 'user' })
    const { kubeconfig, clientConnection, leaderElection, profiles } = readSchedulerConfiguration(file)
    assert.equal(kubeconfig, 'k')
    assert.deepEqual(clientConnection, { qps: 12.5 })
    assert.equal(leaderElection.leaseDuration, 30_000)
    const names = (all: typeof profiles) => all.map(each => each.plugins.map(({ name }) => name))
    assert.deepEqual(names(profiles), names(defaultConfiguration.profiles))
  } finally {
    rmSync(directory, { recursive: true })
  }
})

const limits: [given: Parameters<typeof limitsOf>[0], wanted: ReturnType<typeof limitsOf>][] = [
  [{}, undefined],
  [{ qps: 20 }, { qps: 20, burst: 100 }],
  [{ burst: 30 }, { qps: 50, burst: 30 }],
  [
    { qps: 0, burst: 0 },
    { qps: 5, burst: 10 },
  ],
  [{ qps: -1, burst: 30 }, undefined],
]
for (const [given, wanted] of limits) {
  test(`how many requests are sent: ${JSON.stringify(given)}`, () => assert.deepEqual(limitsOf(given), wanted))
}
