import { measured, withApi } from '../support/api-bench.ts'
import { atMost, type Benchmark, type Figure, figureOf, repeat, rounded } from '../support/figure.ts'

const PODS = 5000
const TIMES = 5

/** What a LIST of everything costs the server. */
export const list: Benchmark = {
  name: 'list',
  run: () =>
    withApi({ backend: 'memory' }, async (bench): Promise<Figure[]> => {
      await bench.server.call('fill', { prefix: 'listed', count: PODS })
      const lists = (): Promise<number[]> => bench.clients.call('list', { path: '/api/v1/pods', times: TIMES })
      await lists()
      const runs = await repeat(7, () => measured(bench, lists))
      const bytes = runs[0]!.result[0]!
      return [
        figureOf(
          'LIST of 5,000 pods of 4 KB, server CPU',
          'ms',
          runs.map(({ cost }) => cost.cpu / TIMES),
          { target: atMost(60), detail: `${rounded(bytes / 1e6)} MB each` },
        ),
      ]
    }),
}
