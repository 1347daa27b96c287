import { setTimeout as sleep } from 'node:timers/promises'
import { ownProcesses, withCluster } from '../support/container-cluster.ts'
import { atMost, type Benchmark, type Figure, figureOf, rounded } from '../support/figure.ts'
import { cpuOf, memoryOf } from '../support/machine.ts'

const SETTLE = 20_000
const SAMPLES = 3
const SAMPLE = 30_000

/** What a cluster without work takes: everything that Canopus runs, containerd and its shims left out. */
export const idle: Benchmark = {
  name: 'idle',
  containers: true,
  run: () =>
    withCluster(async (cluster): Promise<Figure[]> => {
      await cluster.up()
      await sleep(SETTLE)
      const processes = ownProcesses(cluster)
      const cpu: number[] = []
      const memory: number[] = []
      const total = (of: (pid: number) => number): number => processes.reduce((sum, { pid }) => sum + of(pid), 0)
      for (let sample = 0; sample < SAMPLES; sample++) {
        const before = total(cpuOf)
        await sleep(SAMPLE)
        cpu.push(((total(cpuOf) - before) / SAMPLE) * 100)
        memory.push(total(pid => memoryOf(pid).pss) / 1e6)
      }
      const each = processes
        .filter(({ program }) => !['sh', 'sleep'].includes(program))
        .map(({ component, pid }) => `${component} ${rounded(memoryOf(pid).pss / 1e6)} MB`)
      const resident = rounded(total(pid => memoryOf(pid).rss) / 1e6)
      return [
        figureOf('idle cluster: memory of everything but containerd', 'MB', memory, {
          target: atMost(200),
          detail: `proportional (PSS); ${each.join(', ')}; resident sizes add up to ${resident} MB`,
        }),
        figureOf('idle cluster: CPU of everything but containerd', '% of a core', cpu, { target: atMost(1) }),
      ]
    }),
}
