import { setTimeout as sleep } from 'node:timers/promises'
import type { Load } from '../children/load.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { type Child, startChild } from '../support/child.ts'
import { definition } from '../support/definition.ts'
import { atMost, type Benchmark, type Figure, figureOf, median, repeat, rounded, time } from '../support/figure.ts'
import { podNamed } from '../support/pod.ts'
import { succeeded } from './create.ts'

const DEFINITIONS = 1000
const IN_FLIGHT = 4
const PATIENCE = 120_000
const MORE = 5

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const PROBED = ['/api/v1/namespaces/default/pods/probed', '/api/v1/namespaces/default', '/api/v1/nodes']

/** A thousand definitions in a hundred groups, and one more: when it is served, and what the others notice. */
export const definitions: Benchmark = {
  name: 'definitions',
  run: () =>
    withApi({ aggregate: true, connections: 2 }, async (bench): Promise<Figure[]> => {
      const others = startChild('load.ts')
      try {
        await others.call('connect', { ...bench.credentials, connections: 1 })
        const pods = { method: 'POST', path: '/api/v1/namespaces/default/pods', total: 1, inFlight: 1 }
        succeeded(await others.call<Load>('send', { ...pods, body: JSON.stringify(podNamed('probed')) }))
        return await install(bench, others)
      } finally {
        await others.stop()
      }
    }),
}

async function install(bench: ApiBench, others: Child): Promise<Figure[]> {
  const before = await bench.server.call<{ resident: number }>('memory')
  const probing = probe(others)
  const { result: took, cost } = await measured(bench, () =>
    time(async () => {
      await create(bench, 0, DEFINITIONS)
      await until(bench, '/apis', found => count(found, '"name":"group') >= DEFINITIONS / 10)
      for (let n = 0; n < DEFINITIONS; n += 10) await served(bench, n + 9)
    }),
  )
  const latency = await probing.stop()
  const after = await bench.server.call<{ resident: number }>('memory')
  const each = rounded((after.resident - before.resident) / DEFINITIONS / 1024)
  const appearing = await repeat(MORE, round => appears(bench, others, DEFINITIONS + round))
  const of = (what: keyof Appearance): number[] => appearing.map(one => one[what])
  return [
    figureOf('1,000 definitions created and served', 's', [took / 1000], {
      target: atMost(60),
      detail: `${rounded(cost.cpu / DEFINITIONS)} ms server CPU and ${each} KB of memory each; longest stop of the event loop ${rounded(cost.loop.max)} ms`,
    }),
    figureOf('GETs of others meanwhile, p99', 'ms', [latency], { target: atMost(20) }),
    figureOf('one more definition: discovery and OpenAPI v3 show it', 'ms', of('shown'), {
      target: atMost(1000),
      detail: `${rounded(median(of('cpu')))} ms server CPU; its /openapi/v2 written anew in ${rounded(median(of('v2')))} ms, longest stop of the event loop ${rounded(Math.max(...of('stop')))} ms; GETs of others p99 ${rounded(median(of('others')))} ms`,
    }),
  ]
}

interface Appearance {
  shown: number
  v2: number
  cpu: number
  stop: number
  others: number
}

async function appears(bench: ApiBench, others: Child, n: number): Promise<Appearance> {
  const probing = probe(others)
  let v2 = 0
  const { result: shown, cost } = await measured(bench, async () => {
    const took = await time(async () => {
      await create(bench, n, 1)
      await served(bench, n)
      await until(bench, `/openapi/v3/apis/group${Math.floor(n / 10)}.example.com/v1`, found =>
        found.includes(`Kind${n}"`),
      )
    })
    v2 = await time(() => until(bench, '/openapi/v2', found => found.includes(`.Kind${n}"`)))
    return took
  })
  return { shown, v2, cpu: cost.cpu, stop: cost.loop.max, others: await probing.stop() }
}

/** Somebody else's GETs, again and again; `stop` answers the slowest of a hundred. */
function probe(client: Child): { stop(): Promise<number> } {
  let running = true
  const work = (async () => {
    const slowest: number[] = []
    while (running) {
      slowest.push(succeeded(await client.call<Load>('probe', { paths: PROBED, milliseconds: 200 })).latency.p99)
      await sleep(20)
    }
    return median(slowest)
  })()
  return {
    stop() {
      running = false
      return work
    },
  }
}

async function create({ clients }: ApiBench, from: number, total: number): Promise<void> {
  const body = JSON.stringify(definition('group{tens}.example.com', 'Kind{n}', 'kind{n}s'))
  succeeded(await clients.call<Load>('send', { method: 'POST', path: PATH, body, from, total, inFlight: IN_FLIGHT }))
}

const served = (bench: ApiBench, n: number): Promise<void> =>
  until(bench, `/apis/group${Math.floor(n / 10)}.example.com/v1`, found => found.includes(`"kind${n}s"`))

async function until({ clients }: ApiBench, path: string, isThere: (text: string) => boolean): Promise<void> {
  const end = performance.now() + PATIENCE
  for (;;) {
    const text = await clients.call<string>('fetch', path).catch(() => '')
    if (isThere(text)) return
    if (performance.now() > end) throw new Error(`${path} does not show what was created`)
    await sleep(10)
  }
}

const count = (text: string, part: string): number => text.split(part).length - 1
