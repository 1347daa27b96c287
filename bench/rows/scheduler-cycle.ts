import { systemRandom } from '../../packages/platform/src/index.ts'
import { SchedulingCycle } from '../../packages/scheduler/src/cycle.ts'
import { podInfo } from '../../packages/scheduler/src/pod-info.ts'
import { defaultProfile } from '../../packages/scheduler/src/profile.ts'
import { aNode, aPod, scenario } from '../../packages/scheduler/src/testing/builders.ts'
import { atLeast, type Benchmark, type Figure, figureOf, repeat } from '../support/figure.ts'
import { machine } from '../support/machine.ts'

const NODES = 5000
const PODS = 10_000
const ROUNDS = 5

/** Templates as a cluster has them: a quarter with node affinity, a fifth with a selector, a tenth with tolerations. */
function template(index: number): { requests: Record<string, string>; spec: Record<string, unknown> } {
  const requests = { cpu: `${100 + (index % 10) * 10}m`, memory: `${128 + (index % 7) * 64}Mi` }
  const inZone = (values: string[]) => ({ matchExpressions: [{ key: 'zone', operator: 'In', values }] })
  const spec: Record<string, unknown> = {}
  if (index % 4 === 0) {
    spec.affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [inZone([`z${index % 3}`, 'z9'])] },
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, preference: inZone([`z${index % 5}`]) }],
      },
    }
  }
  if (index % 5 === 1) spec.nodeSelector = { disk: 'ssd' }
  if (index % 10 === 2) spec.tolerations = [{ key: 'dedicated', operator: 'Exists' }]
  return { requests, spec }
}

function decideAll(): { perSecond: number; perCpuSecond: number } {
  const taints = [{ key: 'dedicated', effect: 'NoSchedule' }]
  const nodes = Array.from({ length: NODES }, (_, index) =>
    aNode(`node-${index}`, {
      labels: { zone: `z${index % 3}`, disk: index % 2 === 0 ? 'ssd' : 'hdd' },
      allocatable: { cpu: '32', memory: '128Gi' },
      ...(index % 20 === 0 ? { spec: { taints } } : {}),
    }),
  )
  const { cache, cluster } = scenario({ nodes })
  const cycle = new SchedulingCycle(defaultProfile, cluster, systemRandom)
  const templates = Array.from({ length: 200 }, (_, index) => template(index))
  const pods = Array.from({ length: PODS }, (_, index) => podInfo(aPod(`pod-${index}`, templates[index % 200])))
  const cpu = process.cpuUsage()
  const begun = performance.now()
  for (const pod of pods) {
    const decision = cycle.decide(pod)
    if ('failure' in decision) throw new Error(`${pod.key} found no node`)
    cache.assume(pod, decision.node.name)
  }
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: PODS / seconds, perCpuSecond: (PODS / (user + system)) * 1e6 }
}

/** Decisions alone: all nodes filtered and scored, nothing written. */
export const schedulerCycle: Benchmark = {
  name: 'scheduler-cycle',
  async run(): Promise<Figure[]> {
    const runs = await repeat(ROUNDS, async () => decideAll())
    const perCpu = figureOf(
      '',
      '',
      runs.map(each => each.perCpuSecond),
    ).value
    const detail = `${PODS} pods of 200 templates, ${Math.round(perCpu)} for each second of CPU; default plugins but those of volumes and devices, load ${machine().load}`
    const perSecond = runs.map(each => each.perSecond)
    return [figureOf(`scheduling cycle, ${NODES} nodes`, 'pods/s', perSecond, { target: atLeast(5000), detail })]
  },
}
