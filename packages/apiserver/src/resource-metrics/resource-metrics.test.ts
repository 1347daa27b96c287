import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { formatQuantity, milliQuantityOf, parseDuration } from '@canopus/apimachinery'
import { SimulatedClock } from '@canopus/base'
import { createClusterPki } from '@canopus/platform'
import { startMemoryServer } from '../testing/memory-server.ts'
import { readResourceMetrics, type Scrape } from './exposition.ts'
import { Figures } from './figures.ts'
import type { NodeMetrics } from './scraper.ts'

const TEXT = `# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="c",namespace="x",pod="p"} 4.5 1700000000000
container_memory_working_set_bytes{container="c",namespace="x",pod="p"} 1.048576e+06 1700000000000
container_start_time_seconds{container="c",namespace="x",pod="p"} 1.6e+09
container_cpu_usage_seconds_total{container="half",namespace="x",pod="q"} 4.5
node_cpu_usage_seconds_total 100
node_memory_working_set_bytes 4096
pod_cpu_usage_seconds_total{namespace="x",pod="p"} 5
scrape_error 0
`

test('what a kubelet says: whole pods, and times of its own or of the moment', () => {
  const { node, pods } = readResourceMetrics(TEXT, 7)
  assert.deepEqual(node, { at: 7, cpu: 100e9, memory: 4096, startedAt: 0 })
  assert.deepEqual([...pods.keys()], ['x/p'])
  assert.deepEqual(pods.get('x/p')?.get('c'), {
    at: 1_700_000_000_000,
    cpu: 4.5e9,
    memory: 1_048_576,
    startedAt: 1.6e12,
  })
})

const SECOND = 1000
interface Look {
  at: number
  cpu: number
  startedAt?: number
}

const scrape = ({ at, cpu, startedAt = 1 }: Look): Scrape => ({
  node: { at, cpu: cpu * 1e9, memory: 5 },
  pods: new Map([['x/p', new Map([['c', { at, cpu: cpu * 1e9, memory: 5, startedAt }]])]]),
})

// As metrics-server pkg/storage has it.
const looks: [string, Look[], number | undefined, number | undefined][] = [
  ['one look tells nothing of what runs long', [{ at: 100 * SECOND, cpu: 50 }], undefined, undefined],
  [
    'two looks',
    [
      { at: 100 * SECOND, cpu: 50 },
      { at: 120 * SECOND, cpu: 60 },
    ],
    5e8,
    5e8,
  ],
  ['a young container counts from its start', [{ at: 100 * SECOND, cpu: 10, startedAt: 80 * SECOND }], undefined, 5e8],
  ['but not from the first seconds', [{ at: 100 * SECOND, cpu: 10, startedAt: 95 * SECOND }], undefined, undefined],
  [
    'a restart begins anew',
    [
      { at: 100 * SECOND, cpu: 50 },
      { at: 130 * SECOND, cpu: 10, startedAt: 110 * SECOND },
    ],
    undefined,
    5e8,
  ],
  [
    'an older look changes nothing',
    [
      { at: 100 * SECOND, cpu: 50 },
      { at: 120 * SECOND, cpu: 60 },
      { at: 120 * SECOND, cpu: 70 },
    ],
    5e8,
    5e8,
  ],
]
for (const [name, all, node, pod] of looks) {
  test(`figures: ${name}`, () => {
    const figures = new Figures()
    for (const look of all) figures.take('n', scrape(look))
    assert.equal(figures.node('n')?.usage.cpu, node)
    assert.equal(figures.pod('n', 'x/p')?.containers.get('c')?.cpu, pod)
    figures.keep(new Set())
    assert.equal(figures.node('n'), undefined)
  })
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

test('kubelets are asked, and what they say is served', async context => {
  // Connections are real, and simulated time does not wait for them: it goes slower the longer they take.
  let turn = 20
  const clock = new SimulatedClock({ settle: () => new Promise(resolve => setTimeout(resolve, turn)) })
  const pki = await createClusterPki({ clusterName: 'test', addresses: ['127.0.0.1'], clock })
  let asked = 0
  const start = clock.now() / 1000
  const kubelet = createServer(
    {
      key: pki.apiserver.key,
      cert: pki.apiserver.certificate,
      ca: pki.ca.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      assert.equal(request.url, '/metrics/resource')
      asked += 1
      response.end(`node_cpu_usage_seconds_total ${asked * 30}
node_memory_working_set_bytes 1073741824
container_cpu_usage_seconds_total{container="c",namespace="x",pod="p"} ${asked * 3}
container_memory_working_set_bytes{container="c",namespace="x",pod="p"} 2097152
container_start_time_seconds{container="c",namespace="x",pod="p"} ${start - 1000}
`)
    },
  )
  const port = await listening(kubelet)
  const { certificate: cert, key } = pki.apiserverKubeletClient
  const memory = await startMemoryServer({ clock, kubelet: { cert, key, ca: pki.ca.certificate } })
  context.after(async () => {
    await memory.stop()
    kubelet.close()
    kubelet.closeAllConnections()
  })
  const node = {
    metadata: { name: 'n', labels: { role: 'worker' } },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  }
  await memory.send('POST', '/api/v1/nodes', node)
  await memory.send('PUT', '/api/v1/nodes/n/status', node)
  await memory.send('POST', '/api/v1/namespaces', { metadata: { name: 'x' } })
  const containers = [{ name: 'c', image: 'i' }]
  await memory.send('POST', '/api/v1/namespaces/x/pods', {
    metadata: { name: 'p', labels: { app: 'web' } },
    spec: { nodeName: 'n', containers },
  })
  const group = '/apis/metrics.k8s.io/v1beta1'
  assert.equal((await memory.send('GET', `${group}/nodes/n`)).status, 404)
  // It goes on until the second answer has come.
  for (let looks = 0; looks < 100 && (await memory.send('GET', `${group}/nodes/n`)).status === 404; looks++) {
    await clock.advance(15_000)
    turn *= 1.1
  }
  const one = (await memory.send('GET', `${group}/nodes/n`)).json
  assert.equal(one.kind, 'NodeMetrics')
  const seconds = parseDuration(one.window)! / 1000
  const cores = (amount: number) => formatQuantity(milliQuantityOf(Math.round((amount * 1000) / seconds)))
  assert.deepEqual(one.usage, { cpu: cores(30), memory: '1Gi' })
  assert.deepEqual(one.metadata.labels, { role: 'worker' })
  const pods = (await memory.send('GET', `${group}/pods?labelSelector=app%3Dweb`)).json
  assert.equal(pods.kind, 'PodMetricsList')
  assert.deepEqual(pods.items[0].containers, [{ name: 'c', usage: { cpu: cores(3), memory: '2Mi' } }])
  assert.equal((await memory.send('GET', `${group}/namespaces/x/pods?labelSelector=app%3Dno`)).json.items.length, 0)
  assert.equal((await memory.send('GET', `${group}/namespaces/x/pods?labelSelector=%3D`)).status, 400)
  const byName = `${group}/namespaces/x/pods?fieldSelector=metadata.name%3Dp`
  assert.equal((await memory.send('GET', byName)).json.items.length, 1)
  const missing = await memory.send('GET', `${group}/namespaces/x/pods/other`)
  assert.equal(missing.json.message, 'pods "other" not found')
  assert.equal((await memory.send('GET', `${group}/nodes/other`)).json.message, 'nodes "other" not found')
  const waiting = { metadata: { name: 'waiting' }, spec: { containers: [{ name: 'c', image: 'i' }] } }
  assert.equal((await memory.send('POST', '/api/v1/namespaces/x/pods', waiting)).status, 201)
  const unknown = await memory.send('GET', `${group}/namespaces/x/pods/waiting`)
  assert.equal(unknown.json.message, 'podmetrics.metrics.k8s.io "x/waiting" not found')
  assert.equal((await memory.send('DELETE', `${group}/nodes/n`)).status, 405)
  const table = await memory.send('GET', `${group}/namespaces/x/pods/p`, undefined, {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  })
  assert.deepEqual(table.json.rows[0].cells, ['p', cores(3), '2Mi', one.window])
  const list = (await memory.send('GET', group)).json
  assert.deepEqual(
    list.resources.map((each: { name: string; kind: string }) => `${each.name} ${each.kind}`),
    ['nodes NodeMetrics', 'pods PodMetrics'],
  )
})

test('nodes that name no kubelet are told of by somebody else, and have figures for as long as they answer', async context => {
  const clock = new SimulatedClock({ settle: () => new Promise(resolve => setImmediate(resolve)) })
  let answers = true
  const nodeMetrics: NodeMetrics = ({ metadata }, at) =>
    answers || metadata.name === 'b' ? { node: { at, cpu: at * 1e6, memory: 4096 }, pods: new Map() } : undefined
  const memory = await startMemoryServer({ clock, nodeMetrics })
  context.after(() => memory.stop())
  for (const name of ['a', 'b']) await memory.send('POST', '/api/v1/nodes', { metadata: { name } })
  const usage = async (): Promise<unknown> => {
    const { items } = (await memory.send('GET', '/apis/metrics.k8s.io/v1beta1/nodes')).json
    return items.map((each: { metadata: { name: string }; usage: unknown }) => [each.metadata.name, each.usage])
  }
  await clock.advance(15_000)
  assert.deepEqual(await usage(), [], 'one look tells nothing')
  await clock.advance(15_000)
  const used = { cpu: '1', memory: '4Ki' }
  assert.deepEqual(await usage(), [
    ['a', used],
    ['b', used],
  ])
  answers = false
  await clock.advance(15_000)
  assert.deepEqual(await usage(), [['b', used]])
})

test('without a way to kubelets there is no such API', async context => {
  const memory = await startMemoryServer()
  context.after(() => memory.stop())
  assert.equal((await memory.send('GET', '/apis/metrics.k8s.io/v1beta1/nodes')).status, 404)
})
