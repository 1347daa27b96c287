import { setTimeout as sleep } from 'node:timers/promises'
import type { Load, Pages } from '../children/load.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { type Child, startChild } from '../support/child.ts'
import { atMost, type Benchmark, type Figure, figureOf, rounded, type Target, targetOf } from '../support/figure.ts'
import { podNamed } from '../support/pod.ts'
import { succeeded } from './create.ts'

const PODS = Number(process.env.CANOPUS_BENCH_PODS ?? 150_000)
const NODES = Math.ceil(PODS / 15)
const WATCHERS = 5
const PAGE = 500
const ROUNDS = 3
const ROUND = 5000
const WRITE_PAUSE = 20

/** A cluster as big as Kubernetes allows: what it takes, and how quick it is while somebody lists and others watch. */
export const large: Benchmark = {
  name: 'large',
  async run(): Promise<Figure[]> {
    const held = await copies()
    return withApi({ connections: 1, held }, async (bench): Promise<Figure[]> => {
      const [reader, writer, watchers] = await Promise.all([client(bench), client(bench), client(bench)])
      try {
        return await underLoad(bench, { reader, writer, watchers })
      } finally {
        await Promise.all([reader, writer, watchers].map(each => each.stop()))
      }
    })
  },
}

interface Clients {
  reader: Child
  writer: Child
  watchers: Child
}

async function underLoad(bench: ApiBench, { reader, writer, watchers }: Clients): Promise<Figure[]> {
  const loaded = await bench.server.call<{ resident: number; heap: number }>('memory')
  const reads: number[] = []
  const writes: number[] = []
  const loops: number[] = []
  let most = loaded.resident
  let pages = 0
  for (let round = 0; round < ROUNDS; round++) {
    const { cost } = await measured(bench, async () => {
      const listed = bench.clients.call<Pages>('pages', { path: '/api/v1/pods', limit: PAGE, times: 1 })
      const watched = watchers.call('watch', { path: WATCH, streams: WATCHERS })
      const read = reader.call<Load>('probe', { paths: PROBED, milliseconds: ROUND })
      const written = writeSlowly(writer, round)
      const [{ objects, milliseconds }] = await Promise.all([listed, watched])
      if (objects[0]! < PODS) throw new Error(`${objects[0]} of ${PODS} pods were listed`)
      pages = Math.max(pages, milliseconds[0]!)
      reads.push(succeeded(await read).latency.p99)
      writes.push(await written)
    })
    loops.push(cost.loop.max)
    most = Math.max(most, cost.memory)
  }
  await untilSeen(watchers, ROUNDS * WATCHERS * PODS)
  const full = (target: Target): { target?: Target } => targetOf(PODS >= 150_000, target)
  const held = `${PODS} pods and ${NODES} nodes`
  const heap = rounded(loaded.heap / 1e6)
  return [
    figureOf(`${held}: memory at most, resident`, 'MB', [most / 1e6], {
      ...full(atMost(1500)),
      detail: `${rounded(loaded.resident / 1e6)} MB after the start, ${heap} MB of them JavaScript's heap`,
    }),
    figureOf(`${held} listed in pages and watched: single reads, p99`, 'ms', reads, {
      ...full(atMost(20)),
      detail: `all in pages of ${PAGE}: ${rounded(pages)} ms; longest stop of the event loop ${rounded(Math.max(...loops))} ms`,
    }),
    figureOf(`${held} listed in pages and watched: single writes, p99`, 'ms', writes, full(atMost(20))),
  ]
}

/** Waits until the watches have seen all pods. Throws where they have not within a minute. */
async function untilSeen(watchers: Child, expected: number): Promise<void> {
  let events = 0
  for (const end = performance.now() + 60_000; events < expected; await sleep(25)) {
    events += await watchers.call<number>('events')
    if (performance.now() > end) throw new Error(`only ${events} of ${expected} events were seen`)
  }
}

const WATCH =
  '/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
const PROBED = [0, 1, 2, 3].map(n => `/api/v1/namespaces/default/pods/pod-${String(n * 17).padStart(6, '0')}`)

/** One create after the other, with pauses, for a round; the slowest of a hundred. */
async function writeSlowly(writer: Child, round: number): Promise<number> {
  const body = JSON.stringify(podNamed(`new-${round}-{n}`))
  const latencies: number[] = []
  const end = performance.now() + ROUND
  for (let n = 0; performance.now() < end; n++) {
    const work = { method: 'POST', path: '/api/v1/namespaces/default/pods', body, from: n, total: 1, inFlight: 1 }
    latencies.push(succeeded(await writer.call<Load>('send', work)).latency.p50)
    await sleep(WRITE_PAUSE)
  }
  return latencies.sort((a, b) => a - b)[Math.floor(latencies.length * 0.99)]!
}

async function client({ credentials }: ApiBench): Promise<Child> {
  const child = startChild('load.ts')
  await child.call('connect', { ...credentials, connections: 1 })
  return child
}

/** Pods and nodes as an API server writes them. */
async function copies(): Promise<Record<string, { object: string; count: number }>> {
  return withApi({ backend: 'memory', connections: 1 }, async ({ clients }) => {
    const create = (path: string, body: object): Promise<Load> =>
      clients.call('send', { method: 'POST', path, body: JSON.stringify(body), total: 1, inFlight: 1 })
    succeeded(await create('/api/v1/namespaces/default/pods', podNamed('pod-000000')))
    succeeded(await create('/api/v1/nodes', node))
    const stored = async (path: string): Promise<string> => {
      const text = await clients.call<string>('fetch', path)
      return text
        .replaceAll(/"resourceVersion":"\d+"/g, '"resourceVersion":"{revision}"')
        .replaceAll(/-000000"/g, '-{n}"')
        .replace(/("uid":"[^"]{30})[^"]*"/, '$1{n}"')
    }
    return {
      'pods/default/pod-': { object: await stored('/api/v1/namespaces/default/pods/pod-000000'), count: PODS },
      'minions/node-': { object: await stored('/api/v1/nodes/node-000000'), count: NODES },
    }
  })
}

const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'node-000000',
    labels: { 'kubernetes.io/hostname': 'node-000000', 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
  },
  spec: { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'], providerID: 'example://zone-a/node-000000' },
}
