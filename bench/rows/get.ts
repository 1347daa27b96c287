import type { Load } from '../children/load.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { atLeast, type Benchmark, type Figure, figureOf, median, rounded } from '../support/figure.ts'
import { succeeded } from './create.ts'

const ROUNDS = 7
/** Not counted: until then not everything is compiled with all optimisations. */
const WARM_UP = 3
const CONNECTIONS = 10
const IN_FLIGHT = 200

/** GET of one pod over HTTP/2, and from a bare server that holds the same bytes, in turns. */
export const get: Benchmark = {
  name: 'get',
  run: () =>
    withApi({ connections: CONNECTIONS }, canopus =>
      withApi({ connections: CONNECTIONS, server: 'bare-server.ts' }, async (bare): Promise<Figure[]> => {
        for (const { clients } of [canopus, bare])
          await clients.call('create', { prefix: 'one', inFlight: 1, total: 1 })
        const rounds: { canopus: Rate; bare: Rate }[] = []
        for (let round = 0; round < WARM_UP + ROUNDS; round++)
          rounds.push({ canopus: await rate(canopus), bare: await rate(bare) })
        const runs = rounds.slice(WARM_UP)
        const middle = (of: (run: (typeof runs)[number]) => number): number => rounded(median(runs.map(of)))
        return [
          figureOf(
            'GET of one 4 KB pod over HTTPS (HTTP/2)',
            'requests/s',
            runs.map(run => run.canopus.perSecond),
            {
              target: atLeast(25_000),
              peer: { name: 'bare HTTP/2 server', value: middle(run => run.bare.perSecond) },
              detail: `${middle(run => run.canopus.cpu)} us server CPU each (bare: ${middle(run => run.bare.cpu)})`,
            },
          ),
        ]
      }),
    ),
}

interface Rate {
  perSecond: number
  /** Microseconds of the server's CPU per request. */
  cpu: number
}

async function rate(bench: ApiBench): Promise<Rate> {
  const work = { path: '/api/v1/namespaces/default/pods/one-0', inFlight: IN_FLIGHT, milliseconds: 1000 }
  const { result, cost } = await measured(bench, async () => succeeded(await bench.clients.call<Load>('get', work)))
  return {
    perSecond: (result.requests / result.milliseconds) * 1000,
    cpu: (cost.cpu / result.requests) * 1000,
  }
}
