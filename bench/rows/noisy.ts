import type { Load } from '../children/load.ts'
import { type Child, startChild } from '../support/child.ts'
import { atMost, type Benchmark, type Figure, figureOf, rounded } from '../support/figure.ts'
import type { Credentials } from '../support/h2-connection.ts'

const PODS = 1000
const LISTS = 500
const ROUNDS = 2
const ROUND = 5000

/** One client lists everything 500 times at once, and again; another GETs one pod after the other. */
export const noisy: Benchmark = {
  name: 'noisy',
  async run(): Promise<Figure[]> {
    const fair = await beside(true)
    const unfair = await beside(false)
    return [
      figureOf('GETs beside 500 LISTs of 1,000 pods at once, p99', 'ms', fair.p99, {
        target: atMost(250),
        peer: { name: 'without priority and fairness', value: rounded(Math.max(...unfair.p99)) },
        detail: `p50 ${rounded(Math.max(...fair.p50))} ms, ${fair.requests} GETs (without: ${rounded(Math.max(...unfair.p50))} ms, ${unfair.requests}); alone: p99 ${rounded(fair.alone)} ms`,
      }),
    ]
  },
}

interface Latencies {
  p50: number[]
  p99: number[]
  alone: number
  requests: number
}

async function beside(fair: boolean): Promise<Latencies> {
  const server = startChild('api-server.ts')
  const children: Child[] = []
  try {
    await server.call('start', { backend: 'memory', fair })
    await server.call('fill', { prefix: 'listed', count: PODS })
    const client = async (name: string, connections: number): Promise<Child> => {
      const credentials = await server.call<Credentials>('reader', { name })
      const child = startChild('load.ts')
      children.push(child)
      await child.call('connect', { ...credentials, connections })
      return child
    }
    const crowd = await client('crowd', 10)
    const single = await client('single', 1)
    const gets = (): Promise<Load> =>
      single.call('get', { path: '/api/v1/namespaces/default/pods/listed-0', inFlight: 1, milliseconds: ROUND })
    const { latency } = await gets()
    const result: Latencies = { p50: [], p99: [], alone: latency.p99, requests: 0 }
    for (let round = 0; round < ROUNDS; round++) {
      const lists = crowd.call('get', { path: '/api/v1/pods', inFlight: LISTS, milliseconds: ROUND, patient: true })
      const load = await gets()
      await lists
      if (load.failures > 0) throw new Error(`${load.failures} GETs failed`)
      result.p50.push(load.latency.p50)
      result.p99.push(load.latency.p99)
      result.requests += load.requests
    }
    return result
  } finally {
    for (const child of children) await child.stop()
    await server.stop()
  }
}
