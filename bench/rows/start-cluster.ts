import { startChild } from '../support/child.ts'
import { atMost, type Benchmark, type Figure, figureOf, median, repeat, rounded } from '../support/figure.ts'

/** A cluster inside a process. Each run has a fresh process, whose modules are loaded before the clock starts. */
export const startCluster: Benchmark = {
  name: 'start-cluster',
  async run(): Promise<Figure[]> {
    const runs = await repeat(7, async () => {
      const child = startChild('start-cluster.ts')
      try {
        return await child.call<{ load: number; first: number; second: number }>('start')
      } finally {
        await child.stop()
      }
    })
    const first = runs.map(run => run.first)
    return [
      figureOf('startCluster() to first successful create, warm', 'ms', first, {
        target: atMost(300),
        detail: `again in the same process ${rounded(median(runs.map(run => run.second)))} ms; importing @canopus/testing from source ${rounded(median(runs.map(run => run.load)))} ms`,
      }),
    ]
  },
}
