import type { Load } from '../children/load.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { atLeast, type Benchmark, type Figure, figureOf, median, repeat, rounded } from '../support/figure.ts'

const TOTAL = 4000
const IN_FLIGHT = 64
const ROUNDS = 5
/** Not counted: until then not everything is compiled with all optimisations. */
const WARM_UP = 2

/** Durable creates through the whole request path, and through a bare server on the same kind of store, in turns. */
export const create: Benchmark = {
  name: 'create',
  run: () =>
    withApi({}, canopus =>
      withApi({ server: 'bare-server.ts' }, async (bare): Promise<Figure[]> => {
        const rates: { canopus: Rate; bare: Rate }[] = []
        for (let round = 0; round < WARM_UP + ROUNDS; round++)
          rates.push({ canopus: await rate(canopus, `run-${round}`), bare: await rate(bare, `run-${round}`) })
        const runs = rates.slice(WARM_UP)
        const count = await canopus.server.call<number>('count')
        if (count !== (WARM_UP + ROUNDS) * TOTAL) throw new Error(`${count} pods are there`)
        const size = await canopus.server.call<number>('podBytes', 'run-1-0')
        const unloaded = await repeat(ROUNDS, async round => {
          const load = await canopus.clients.call<Load>('create', { prefix: `alone-${round}`, inFlight: 1, total: 100 })
          return succeeded(load).latency.p50
        })
        const middle = (of: (round: (typeof rates)[number]) => number): number => rounded(median(runs.map(of)))
        return [
          figureOf(
            'durable creates of 4 KB pods, whole request path, 64 in flight, HTTPS',
            'creates/s',
            runs.map(round => round.canopus.perSecond),
            {
              target: atLeast(4000),
              peer: { name: 'bare HTTP/2 server on the same store', value: middle(round => round.bare.perSecond) },
              detail: `${middle(round => round.canopus.cpu)} us server CPU each (bare: ${middle(round => round.bare.cpu)}), ${size} bytes stored, p50 ${middle(round => round.canopus.latency)} ms`,
            },
          ),
          figureOf('one durable create, alone', 'ms', unloaded),
        ]
      }),
    ),
}

interface Rate {
  perSecond: number
  /** Microseconds of the server's CPU per create. */
  cpu: number
  latency: number
}

async function rate(bench: ApiBench, prefix: string): Promise<Rate> {
  const { result, cost } = await measured(bench, async () =>
    succeeded(await bench.clients.call<Load>('create', { prefix, inFlight: IN_FLIGHT, total: TOTAL })),
  )
  return {
    perSecond: (result.requests / result.milliseconds) * 1000,
    cpu: (cost.cpu / result.requests) * 1000,
    latency: result.latency.p50,
  }
}

export function succeeded(load: Load): Load {
  if (load.failures > 0) throw new Error(`${load.failures} of ${load.requests} requests failed`)
  return load
}
