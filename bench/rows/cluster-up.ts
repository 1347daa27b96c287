import { withCluster } from '../support/container-cluster.ts'
import { atMost, type Benchmark, type Figure, figureOf, median, repeat, rounded, time } from '../support/figure.ts'

/** `canopus up` from the start of the program to its end: a new cluster each time, then the same one after a stop. */
export const clusterUp: Benchmark = {
  name: 'up',
  containers: true,
  async run(): Promise<Figure[]> {
    const runs = await repeat(5, () =>
      withCluster(async cluster => {
        await cluster.prepare()
        const first = await time(() => cluster.up())
        await cluster.command('stop')
        return { first, again: await time(() => cluster.up()) }
      }),
    )
    const again = runs.map(run => run.again)
    return [
      figureOf(
        'canopus up to node Ready and DNS answering, everything installed',
        'ms',
        runs.map(run => run.first),
        { target: atMost(5000), detail: `up again after stop ${rounded(median(again))} ms` },
      ),
    ]
  },
}
