import type { Load } from '../children/load.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { atLeast, type Benchmark, type Figure, figureOf, median, repeat, rounded } from '../support/figure.ts'
import { succeeded } from './create.ts'

const ROUNDS = 7
const CONNECTIONS = 10
const IN_FLIGHT = 200

/** GET of one pod over HTTP/2, and from a bare server that holds the same bytes. */
export const get: Benchmark = {
  name: 'get',
  async run(): Promise<Figure[]> {
    const canopus = await withApi({ connections: CONNECTIONS }, rates)
    const bare = await withApi({ connections: CONNECTIONS, server: 'bare-server.ts' }, rates)
    return [
      figureOf('GET of one 4 KB pod over HTTPS (HTTP/2)', 'requests/s', canopus.perSecond, {
        target: atLeast(25_000),
        peer: { name: 'bare HTTP/2 server', value: rounded(median(bare.perSecond)) },
        detail: `${rounded(median(canopus.cpu))} us server CPU each (bare: ${rounded(median(bare.cpu))})`,
      }),
    ]
  },
}

async function rates(bench: ApiBench): Promise<{ perSecond: number[]; cpu: number[] }> {
  await bench.clients.call('create', { prefix: 'one', inFlight: 1, total: 1 })
  const load = (milliseconds: number): Promise<Load> =>
    bench.clients.call('get', { path: '/api/v1/namespaces/default/pods/one-0', inFlight: IN_FLIGHT, milliseconds })
  await load(1000)
  const runs = await repeat(ROUNDS, () => measured(bench, async () => succeeded(await load(1000))))
  return {
    perSecond: runs.map(({ result }) => (result.requests / result.milliseconds) * 1000),
    cpu: runs.map(({ result, cost }) => (cost.cpu / result.requests) * 1000),
  }
}
