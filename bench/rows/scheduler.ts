import type { Asked, Measured } from '../children/scheduling.ts'
import { startChild } from '../support/child.ts'
import { atLeast, type Benchmark, type Figure, figureOf, targetOf } from '../support/figure.ts'
import { machine } from '../support/machine.ts'
import type { WorkloadName } from '../support/scheduling-workloads.ts'

/** Preemption happens only where the nodes are full: a part of its pods needs a part of the nodes. */
const NODES = Number(process.env.CANOPUS_BENCH_NODES ?? 5000)

/** What is measured, upstream's threshold for it (pods/s on its own machines), and what is to be reached here. */
const rows: readonly [workload: WorkloadName, name: string, upstream: number | undefined, target: number][] = [
  ['basic', 'SchedulingBasic', 680, 1500],
  ['basicMany', 'SchedulingBasic of 50,000 pods', 810, 1500],
  ['nodeAffinity', 'NodeAffinity', 220, 800],
  ['spreading', 'TopologySpreading', 460, 800],
  ['preferredSpreading', 'PreferredTopologySpreading', 340, 800],
  ['defaultSpreading', 'DefaultTopologySpreading', 160, 800],
  ['podAffinity', 'PodAffinity', 35, 300],
  ['podAntiAffinity', 'PodAntiAffinity', 60, 300],
  ['preferredAffinity', 'PreferredPodAffinity', 90, 300],
  ['preferredAntiAffinity', 'PreferredPodAntiAffinity', 90, 300],
  // Upstream has no threshold for it, and no more than 1,000 nodes.
  ['preemption', 'PreemptionBasic', undefined, 200],
  ['preemptionAsync', 'PreemptionAsync', 570, 800],
  ['churn', 'MixedChurn', 710, 1000],
  ['unschedulable', 'Unschedulable', 590, 1000],
  ['csi', 'CSI volumes', 100, 400],
]

/** Pods from their creation to their binding, with the real API server in the loop. */
export const scheduler: Benchmark = {
  name: 'scheduler',
  async run(): Promise<Figure[]> {
    const scale = Number(process.env.CANOPUS_BENCH_SCALE ?? 1)
    const only = process.env.CANOPUS_BENCH_WORKLOADS?.split(',')
    const figures: Figure[] = []
    for (const [workload, name, upstream, target] of rows) {
      if (only !== undefined && !only.includes(workload)) continue
      const { pods, milliseconds, cpu } = await measure({ workload, nodes: NODES, scale })
      const detail = `${pods} pods, ${Math.round((cpu / pods) * 1000)} us CPU each (${Math.round((pods / cpu) * 1000)} for each second of CPU), load ${machine().load}`
      const peer =
        upstream === undefined ? {} : { peer: { name: "upstream's threshold on its machines", value: upstream } }
      figures.push(
        figureOf(`${name}, ${NODES} nodes`, 'pods/s', [(pods / milliseconds) * 1000], {
          ...targetOf(scale >= 1 && NODES >= 5000, atLeast(target)),
          ...peer,
          detail,
        }),
      )
    }
    return figures
  },
}

async function measure(asked: Asked): Promise<Measured> {
  const child = startChild('scheduling.ts')
  try {
    return await child.call<Measured>('run', asked)
  } finally {
    await child.stop()
  }
}
