/** Whole clusters on simulated nodes: API server on a store in memory, controllers, scheduler and nodes in this process. */

import type { Node, Pod } from '../../packages/api/src/generated/core.v1.ts'
import { CronJobs, Deployments, HorizontalPodAutoscalers, Nodes, Pods } from '../../packages/api/src/index.ts'
import { type Client, createInformerFactory, withoutManagedFields } from '../../packages/client/src/index.ts'
import { createLogger, systemClock, systemRandom } from '../../packages/platform/src/index.ts'
import { startCluster, startSimulation } from '../../packages/testing/src/index.ts'
import { answerCalls } from '../support/child.ts'
import { createGauge } from '../support/gauge.ts'

export interface Took {
  milliseconds: number
  cpu: number
  /** Resident bytes at the end. */
  memory: number
}

export interface Day extends Took {
  pods: number
  writes: number
  /** How often an autoscaler changed a number of pods. */
  rescaled: number
}

/** Deployments with an autoscaler, which looks four times a minute, and cron jobs that run once an hour. */
const AUTOSCALED = 1
const CRON_JOBS = 10

answerCalls({
  /** From the start of the cluster until all nodes are Ready and take pods; then from a deployment's create until all its pods run. */
  async grow({ nodes, pods }: { nodes: number; pods: number }): Promise<{ joined: Took; ran: Took }> {
    const gauge = createGauge()
    await gauge.begin()
    const cluster = await startCluster({ nodes, listen: false })
    const stopping = new AbortController()
    try {
      const seen = watch(cluster.client, stopping.signal)
      await seen.ready.until(nodes)
      const joined = tookOf(await gauge.end())
      await gauge.begin()
      await cluster.client.resource(Deployments).createUnread(deployment('web', pods))
      await seen.running.until(pods)
      return { joined, ran: tookOf(await gauge.end()) }
    } finally {
      stopping.abort()
      await cluster.stop()
    }
  },
  /**
   * So many hours on the simulated clock: each hour a deployment is rolled, a node dies for ten minutes, the load of what is scaled by it
   * changes, and cron jobs run.
   */
  async day({ nodes, hours }: { nodes: number; hours: number }): Promise<Day> {
    const simulation = await startSimulation({ seed: 1, nodes, heartbeats: 'implied' })
    const deployments = simulation.client.resource(Deployments)
    const count = Math.max(1, Math.round(nodes / 50))
    const scaled = Array.from({ length: AUTOSCALED }, (_, index) => `scaled-${index}`)
    const cronJobs = Array.from({ length: CRON_JOBS }, (_, index) => cronJob(index))
    let pods = 0
    let rescaled = 0
    simulation.history.listen(({ key, type, value, previous }) => {
      if (key.startsWith('/registry/pods/') && type === 'put' && previous === undefined) pods++
      if (key.startsWith('/registry/events/') && type === 'put' && previous === undefined) {
        if (key.includes('/scaled-') && isRescale(value)) rescaled++
      }
    })
    try {
      for (let i = 0; i < count; i++) await simulation.during(deployments.create(deployment(`d-${i}`, 100)))
      for (const name of scaled) {
        await simulation.during(deployments.create(deployment(name, 2)))
        await simulation.during(simulation.client.resource(HorizontalPodAutoscalers).create(autoscaler(name)))
      }
      for (const each of cronJobs) await simulation.during(simulation.client.resource(CronJobs).create(each))
      const gauge = createGauge()
      await gauge.begin()
      for (let hour = 0; hour < hours; hour++) {
        const env = [{ name: 'HOUR', value: String(hour) }]
        const spec = { template: { spec: { containers: [{ name: 'c', env }] } } }
        const patch = deployments.patch(`d-${hour % count}`, 'strategic', { spec }, { namespace: 'default' })
        await simulation.during(patch)
        const load = { metadata: { annotations: { 'simulation.canopus/cpu': `${loadAt(hour)}m` } } }
        for (const name of scaled)
          await simulation.during(deployments.patch(name, 'merge', load, { namespace: 'default' }))
        const node = `node-${(hour * 7) % nodes}`
        simulation.nodes.fail(node)
        await simulation.advance(10 * MINUTE)
        simulation.nodes.restore(node)
        await simulation.advance(50 * MINUTE)
      }
      return { ...tookOf(await gauge.end()), pods, rescaled, writes: simulation.history.length }
    } finally {
      await simulation.stop()
    }
  },
})

const MINUTE = 60_000

const tookOf = ({ wall, cpu, memory }: { wall: number; cpu: number; memory: number }): Took => ({
  milliseconds: wall,
  cpu,
  memory,
})

/** Thousandths of a core that all pods of a deployment use: most at noon, when twenty of them have enough to do. */
const loadAt = (hour: number): number => Math.round(66 - 54 * Math.cos((hour / 12) * Math.PI))

function autoscaler(name: string): never {
  const target = { type: 'Utilization', averageUtilization: 60 }
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: 2,
      maxReplicas: 20,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
    },
  } as never
}

/** Runs for five minutes of each hour, each at another minute. */
function cronJob(index: number): never {
  const annotations = { 'simulation.canopus/run-for': '5m' }
  const spec = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'task' }] }
  return {
    metadata: { name: `task-${index}`, namespace: 'default' },
    spec: {
      schedule: `${(index * 60) / CRON_JOBS} * * * *`,
      jobTemplate: { spec: { template: { metadata: { annotations }, spec } } },
    },
  } as never
}

const isRescale = (value: Uint8Array | undefined): boolean =>
  new TextDecoder().decode(value).includes('"SuccessfulRescale"')

function deployment(name: string, replicas: number): never {
  const labels = { app: name }
  const resources = { requests: { cpu: '10m', memory: '16Mi' } }
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'pause', resources }] } },
    },
  } as never
}

/** Counts nodes that are Ready and take pods, and pods that run, as a client sees them. */
function watch(client: Client, signal: AbortSignal): { ready: Counter; running: Counter } {
  const logger = createLogger({ level: 'error' })
  const transform = withoutManagedFields
  const informers = createInformerFactory({ client, clock: systemClock, random: systemRandom, logger, transform })
  const ready = new Counter()
  const running = new Counter()
  const note = (counter: Counter, name: string, holds: boolean): void => counter.note(name, holds)
  // A new node is tainted until the node life cycle controller has seen it Ready; only then do pods come to it.
  const isReady = ({ spec, status }: Node): boolean =>
    status?.conditions?.some(each => each.type === 'Ready' && each.status === 'True') === true &&
    (spec?.taints ?? []).length === 0
  const isRunning = (pod: Pod): boolean => pod.status?.phase === 'Running'
  informers.informer(Nodes).addHandler({
    added: node => note(ready, node.metadata.name, isReady(node)),
    updated: (_, node) => note(ready, node.metadata.name, isReady(node)),
  })
  informers.informer(Pods).addHandler({
    added: pod => note(running, pod.metadata.name, isRunning(pod)),
    updated: (_, pod) => note(running, pod.metadata.name, isRunning(pod)),
  })
  informers.start(signal)
  return { ready, running }
}

/** How many things of different names hold, and a promise for when they are enough. */
class Counter {
  readonly #holding = new Set<string>()
  #wanted = { count: Number.POSITIVE_INFINITY, resolve: (): void => {} }

  note(name: string, holds: boolean): void {
    if (!holds) this.#holding.delete(name)
    else if (this.#holding.add(name).size >= this.#wanted.count) this.#wanted.resolve()
  }

  until(count: number): Promise<void> {
    if (this.#holding.size >= count) return Promise.resolve()
    return new Promise(resolve => {
      this.#wanted = { count, resolve }
    })
  }
}
