import type { Day, Took } from '../children/simulated-cluster.ts'
import { type Child, startChild } from '../support/child.ts'
import { atMost, type Benchmark, type Figure, figureOf, targetOf } from '../support/figure.ts'
import { machine } from '../support/machine.ts'

const scale = Number(process.env.CANOPUS_BENCH_SCALE ?? 1)
const HOURS = Number(process.env.CANOPUS_BENCH_HOURS ?? 24)
const DAY_NODES = Number(process.env.CANOPUS_BENCH_DAY_NODES ?? 1000)
const scaled = (count: number): number => Math.max(1, Math.round(count * scale))

/** Whole clusters on simulated nodes, on the machine's clock. */
export const simulatedCluster: Benchmark = {
  name: 'simulated-cluster',
  run: () =>
    withChild(async (child): Promise<Figure[]> => {
      const nodes = scaled(5000)
      const pods = scaled(10_000)
      const { joined, ran } = await child.call<{ joined: Took; ran: Took }>('grow', { nodes, pods })
      return [
        figureOf(`${nodes} nodes joining, Ready and without a taint`, 's', [joined.milliseconds / 1000], {
          ...targetOf(scale >= 1, atMost(10)),
          detail: `${each(joined, nodes)} for each node`,
        }),
        figureOf(`deployment of ${pods} pods, all Running on ${nodes} nodes`, 's', [ran.milliseconds / 1000], {
          ...targetOf(scale >= 1, atMost(15)),
          detail: `${each(ran, pods)} for each pod`,
        }),
      ]
    }),
}

/** A cluster's day on a simulated clock: rolling updates, autoscalers, cron jobs and nodes that die. */
export const simulatedDay: Benchmark = {
  name: 'simulated-day',
  run: () =>
    withChild(async (child): Promise<Figure[]> => {
      const nodes = DAY_NODES
      const took = await child.call<Day>('day', { nodes, hours: HOURS })
      return [
        figureOf(`${HOURS} simulated hours of a cluster of ${nodes} nodes`, 's', [took.milliseconds / 1000], {
          ...targetOf(HOURS >= 24 && nodes >= 1000, atMost(60)),
          detail: `${took.pods} pods, ${took.rescaled} changes by autoscalers, ${took.writes} writes, ${each(took, took.writes)} for each`,
        }),
      ]
    }),
}

const each = ({ cpu, memory }: Took, count: number): string =>
  `${Math.round(memory / 1e6)} MB resident, load ${machine().load}; ${Math.round((cpu / count) * 1000)} us CPU`

async function withChild(work: (child: Child) => Promise<Figure[]>): Promise<Figure[]> {
  const child = startChild('simulated-cluster.ts')
  try {
    return await work(child)
  } finally {
    await child.stop()
  }
}
