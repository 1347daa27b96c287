import type { Load } from '../children/load.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { atLeast, type Benchmark, type Figure, figureOf, median, repeat, rounded } from '../support/figure.ts'

const TOTAL = 4000
const IN_FLIGHT = 64
const ROUNDS = 5

interface Rates {
  perSecond: number[]
  /** Microseconds of the server's CPU per create. */
  cpu: number[]
  latency: number[]
}

/** Durable creates through the whole request path, and through a bare server on the same store. */
export const create: Benchmark = {
  name: 'create',
  async run(): Promise<Figure[]> {
    const { canopus, size } = await withApi({}, async bench => {
      const canopus = await rates(bench)
      const count = await bench.server.call<number>('count')
      if (count !== (ROUNDS + 1) * TOTAL) throw new Error(`${count} pods are there`)
      return { canopus, size: await bench.server.call<number>('podBytes', 'run-1-0') }
    })
    const bare = await withApi({ server: 'bare-server.ts' }, rates)
    const unloaded = await withApi({}, alone)
    return [
      figureOf(
        'durable creates of 4 KB pods, whole request path, 64 in flight, HTTPS',
        'creates/s',
        canopus.perSecond,
        {
          target: atLeast(4000),
          peer: { name: 'bare HTTP/2 server on the same store', value: rounded(median(bare.perSecond)) },
          detail: `${rounded(median(canopus.cpu))} us server CPU each (bare: ${rounded(median(bare.cpu))}), ${size} bytes stored, p50 ${rounded(median(canopus.latency))} ms`,
        },
      ),
      figureOf('one durable create, alone', 'ms', unloaded),
    ]
  },
}

async function rates(bench: ApiBench): Promise<Rates> {
  await bench.clients.call('create', { prefix: 'warm', inFlight: IN_FLIGHT, total: TOTAL })
  const runs = await repeat(ROUNDS, async round =>
    measured(bench, async () =>
      succeeded(
        await bench.clients.call<Load>('create', { prefix: `run-${round}`, inFlight: IN_FLIGHT, total: TOTAL }),
      ),
    ),
  )
  return {
    perSecond: runs.map(({ result }) => (result.requests / result.milliseconds) * 1000),
    cpu: runs.map(({ result, cost }) => (cost.cpu / result.requests) * 1000),
    latency: runs.map(({ result }) => result.latency.p50),
  }
}

async function alone({ clients }: ApiBench): Promise<number[]> {
  await clients.call('create', { prefix: 'warm', inFlight: IN_FLIGHT, total: TOTAL })
  return repeat(ROUNDS, async round => {
    const load = await clients.call<Load>('create', { prefix: `alone-${round}`, inFlight: 1, total: 100 })
    return succeeded(load).latency.p50
  })
}

export function succeeded(load: Load): Load {
  if (load.failures > 0) throw new Error(`${load.failures} of ${load.requests} requests failed`)
  return load
}
