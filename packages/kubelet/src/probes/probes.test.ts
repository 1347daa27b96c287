import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { test } from 'node:test'
import type { Probe } from '@canopus/api/core/v1'
import { SimulatedClock } from '@canopus/base'
import { systemClock } from '@canopus/platform'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { probeGrpc } from './grpc.ts'
import { probeHttp, probeTcp, resolvePort } from './network.ts'
import { ProbeWorker, type ProbeWorkerOptions } from './worker.ts'

interface Case {
  name: string
  probe: Probe
  /** What the probe answers, turn by turn; the last answer goes on. */
  answers: boolean[]
  initial?: boolean
  stopsOn?: ProbeWorkerOptions['stopsOn']
  /** Second and new verdict of every change. */
  changes: [number, boolean][]
  runs: number
}

const cases: Case[] = [
  {
    name: 'readiness turns true with the first success',
    probe: { periodSeconds: 10 },
    answers: [false, true],
    initial: false,
    changes: [[10, true]],
    runs: 7,
  },
  {
    name: 'success has to come so often in a row',
    probe: { periodSeconds: 10, successThreshold: 2 },
    answers: [true, false, true, true],
    initial: false,
    changes: [[30, true]],
    runs: 7,
  },
  {
    name: 'and failure too',
    probe: { periodSeconds: 10, failureThreshold: 3 },
    answers: [true, false, false, true, false, false, false],
    initial: false,
    changes: [
      [0, true],
      [60, false],
    ],
    runs: 7,
  },
  {
    name: 'nothing before the delay',
    probe: { periodSeconds: 10, initialDelaySeconds: 25 },
    answers: [true],
    initial: false,
    changes: [[25, true]],
    runs: 4,
  },
  {
    name: 'liveness stands once it has failed',
    probe: { periodSeconds: 10, failureThreshold: 2 },
    answers: [true, false, false, true],
    stopsOn: 'failure',
    changes: [
      [0, true],
      [20, false],
    ],
    runs: 3,
  },
  {
    name: 'startup stands once it has succeeded',
    probe: { periodSeconds: 10 },
    answers: [false, true, false],
    stopsOn: 'both',
    changes: [[10, true]],
    runs: 2,
  },
  {
    name: 'a container that has started before needs no startup probe',
    probe: { periodSeconds: 10 },
    answers: [false],
    initial: true,
    stopsOn: 'both',
    changes: [],
    runs: 0,
  },
]
for (const { name, probe, answers, initial, stopsOn = 'nothing', changes, runs } of cases)
  test(`probe: ${name}`, async () => {
    const clock = new SimulatedClock({ start: 1_000_000 })
    const seen: [number, boolean][] = []
    let turn = 0
    const worker: ProbeWorker = new ProbeWorker({
      probe,
      startedAt: 1_000_000,
      initial,
      stopsOn,
      enabled: () => true,
      run: async () => ({ ok: answers[Math.min(turn++, answers.length - 1)]!, message: '' }),
      now: () => clock.now(),
      setTimer: (delay, callback) => clock.setTimer(delay, callback),
      failed: () => {},
      changed: () => seen.push([(clock.now() - 1_000_000) / 1000, worker.verdict!]),
    })
    await clock.advance(60_000)
    worker.stop()
    assert.deepEqual(seen, changes)
    assert.equal(turn, runs)
  })

const container = { ports: [{ name: 'web', containerPort: 0 }] }

test('http: statuses from 200 to 399 are well, headers are as given', async context => {
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers['user-agent'], request.headers.host, request.headers['x-a'] as string)
    response.writeHead(Number(request.url!.slice(1)), { location: '/500' }).end('body')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  context.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const target = { ip: '127.0.0.1', container: { ports: [{ name: 'web', containerPort: port }] } }
  const get = (path: string, httpHeaders: { name: string; value: string }[] = []) =>
    probeHttp({ path, port: 'web', httpHeaders }, target, systemClock, 60_000)
  assert.deepEqual(await get('/200'), { ok: true, message: 'body' })
  assert.equal((await get('302')).ok, true)
  assert.deepEqual(await get('/503'), { ok: false, message: 'HTTP probe failed with statuscode: 503' })
  assert.deepEqual(seen.slice(0, 2), ['kube-probe/1.36', `127.0.0.1:${port}`])
  await get('/200', [
    { name: 'Host', value: 'other' },
    { name: 'X-A', value: 'b' },
    { name: 'user-agent', value: 'me' },
  ])
  assert.deepEqual(seen.slice(-3), ['me', 'other', 'b'])
  server.close()
  const refused = await get('/200')
  assert.deepEqual(refused, {
    ok: false,
    message: `Get "http://127.0.0.1:${port}/200": dial tcp 127.0.0.1:${port}: connect: connection refused`,
  })
})

test('http and tcp: an answer that does not come', async context => {
  const server = createTcpServer(() => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  context.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const slow = await probeHttp({ port }, { ip: '127.0.0.1', container }, systemClock, 30)
  assert.match(slow.message, /context deadline exceeded/)
  assert.equal((await probeTcp('127.0.0.1', port, systemClock, 60_000)).ok, true)
  server.close()
  assert.match((await probeTcp('127.0.0.1', port, systemClock, 60_000)).message, /connection refused$/)
})

test('ports by number, by text and by name', () => {
  assert.equal(resolvePort(80, container), 80)
  assert.equal(resolvePort('8080', container), 8080)
  assert.throws(() => resolvePort('nope', container), /couldn't find port: "nope"/)
})

test('grpc: nobody there', async () => {
  const result = await probeGrpc('127.0.0.1', 1, 'svc', Date.now() + 2000)
  assert.equal(result.ok, false)
  assert.match(result.message, /^timeout: failed to connect service "127\.0\.0\.1:1"/)
})

test('grpc: the standard health service', async context => {
  const seen: string[] = []
  const statuses: Record<string, number> = { '': 1, down: 2 }
  const server = new Server()
  server.addService(
    {
      Check: {
        path: '/grpc.health.v1.Health/Check',
        requestStream: false,
        responseStream: false,
        requestSerialize: (request: { service: string }) => Buffer.from(request.service),
        requestDeserialize: (bytes: Buffer) => ({ service: bytes.subarray(2).toString() }),
        responseSerialize: (answer: { status: number }) => Buffer.from([0x08, answer.status]),
        responseDeserialize: (bytes: Buffer) => ({ status: bytes[1] ?? 0 }),
      },
    },
    {
      Check(
        call: { request: { service: string } },
        answer: (error: { code: status } | null, value?: { status: number }) => void,
      ) {
        seen.push(call.request.service)
        const found = statuses[call.request.service]
        if (found === undefined) answer({ code: status.NOT_FOUND })
        else answer(null, { status: found })
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  context.after(() => server.forceShutdown())
  const probe = (service: string) => probeGrpc('127.0.0.1', port, service, Date.now() + 60_000)
  assert.deepEqual(await probe(''), { ok: true, message: 'service healthy' })
  assert.deepEqual(await probe('down'), { ok: false, message: 'service unhealthy (responded with "NOT_SERVING")' })
  assert.match((await probe('other')).message, /unknown service "other"/)
  assert.deepEqual(seen, ['', 'down', 'other'])
})
