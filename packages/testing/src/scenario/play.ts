/** Plays a scenario on a simulated cluster and says what became of it. */
import { Nodes, Pods } from '@canopus/api'
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '@canopus/api/apps/v1'
import type { HorizontalPodAutoscaler } from '@canopus/api/autoscaling/v2'
import type { Job } from '@canopus/api/batch/v1'
import type { Node, Pod } from '@canopus/api/core/v1'
import { findCondition, formatTime } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { SIMULATION_ANNOTATIONS } from '../simulated-pod.ts'
import { SOME_FAULTS } from '../simulation/faults.ts'
import {
  AUTOSCALERS,
  type ClusterState,
  controllerOf,
  isEnded,
  isReady,
} from '../simulation/invariants/cluster-state.ts'
import { InvariantWatcher } from '../simulation/invariants/watcher.ts'
import { type Simulation, startSimulation } from '../simulation/start-simulation.ts'
import type { Deed, Load, Manifest, Scenario } from './scenario.ts'

/** Times in seconds since the start. Fields stay as they are. */
export interface ScenarioReport {
  seed: number
  /** Simulated seconds that the whole scenario took. */
  duration: number
  events: { at: number; event: string; error?: string; settledAfter?: number; waitingFor?: string[] }[]
  workloads: { kind: string; namespace: string; name: string; createdAt: number; readyAt?: number; ready: string }[]
  /** How many replicas each autoscaler wanted, and from when on. */
  autoscalers: { namespace: string; name: string; target: string; replicas: { at: number; wanted: number }[] }[]
  nodes: { name: string; ready: boolean; pods: string[] }[]
  pending: { namespace: string; name: string; since: number; reason: string }[]
  /** Digest of everything that was written: the same scenario and seed give the same. */
  digest: string
}

const TICK = 500
const QUIET = 6 * 60_000

export async function playScenario(scenario: Scenario): Promise<ScenarioReport> {
  let watcher: InvariantWatcher | undefined
  const simulation = await startSimulation({
    seed: scenario.seed,
    nodes: scenario.nodes,
    heartbeats: scenario.heartbeats,
    ...(scenario.faults ? { faults: SOME_FAULTS } : {}),
    prepare: ({ history, faults }) => {
      watcher = new InvariantWatcher(history, faults, [])
    },
  })
  try {
    return await new Play(simulation, watcher!.state, scenario).run()
  } finally {
    await simulation.stop()
  }
}

class Play {
  readonly #simulation: Simulation
  readonly #state: ClusterState
  readonly #scenario: Scenario
  /** By uid, when a workload was first seen, and first ready. */
  readonly #seen = new Map<string, { createdAt: number; readyAt?: number }>()
  /** By uid, what autoscalers wanted. */
  readonly #wanted = new Map<string, { at: number; wanted: number }[]>()
  readonly #begun: number

  constructor(simulation: Simulation, state: ClusterState, scenario: Scenario) {
    this.#simulation = simulation
    this.#state = state
    this.#scenario = scenario
    this.#begun = simulation.clock.monotonic()
  }

  async run(): Promise<ScenarioReport> {
    const { until, history } = this.#simulation
    const { nodes, objects, events, seed, patience } = this.#scenario
    await until(() => this.#state.list<Node>('minions').filter(isNodeReady).length === nodes.length, 120_000)
    const steps = [{ at: 0, text: 'start', deed: { kind: 'apply', objects } as Deed }, ...events]
    const told: ScenarioReport['events'] = []
    for (const [index, { at, text, deed }] of steps.entries()) {
      await this.#watchUntil(() => this.#now() >= at, at - this.#now())
      const before = this.#now()
      const error = await this.#simulation.during(this.#do(deed)).then(() => undefined, messageOf)
      const next = steps[index + 1]?.at
      const { settledAt, waitingFor } = await this.#settle(next ?? before + patience, next === undefined)
      told.push({
        at: before / 1000,
        event: text,
        ...(error === undefined ? {} : { error }),
        ...(waitingFor.length === 0 ? { settledAfter: Math.max(0, settledAt - before) / 1000 } : { waitingFor }),
      })
    }
    return {
      seed,
      duration: this.#now() / 1000,
      events: told,
      workloads: this.#workloads(),
      autoscalers: this.#autoscalers(),
      nodes: this.#nodes(),
      pending: this.#pending(),
      digest: history.digest(),
    }
  }

  #now(): number {
    return this.#simulation.clock.monotonic() - this.#begun
  }

  /**
   * Watches the cluster until `end`, and tells when it was last busy. After the last event it may end sooner, where nothing
   * has happened for as long as it takes until pods leave a dead node.
   */
  async #settle(end: number, isLast: boolean): Promise<{ settledAt: number; waitingFor: string[] }> {
    let settledAt = this.#now()
    let waitingFor: string[] = []
    await this.#watchUntil(() => {
      waitingFor = waiting(this.#state)
      if (waitingFor.length > 0) settledAt = this.#now() + TICK
      return isLast && this.#now() - settledAt >= QUIET
    }, end - this.#now())
    return { settledAt, waitingFor }
  }

  /** Lets time pass, and notes when workloads become ready. Answers whether the condition came to hold in time. */
  async #watchUntil(holds: () => boolean, limit: number): Promise<boolean> {
    const end = this.#now() + limit
    for (;;) {
      this.#note()
      if (holds()) return true
      if (this.#now() >= end) return false
      await this.#simulation.advance(Math.min(TICK, end - this.#now()))
    }
  }

  #note(): void {
    for (const { object, isDone } of workloads(this.#state)) {
      const { uid } = object.metadata
      const seen = this.#seen.get(uid) ?? { createdAt: this.#now() }
      this.#seen.set(uid, seen)
      if (isDone) seen.readyAt ??= this.#now()
    }
    for (const { metadata, status } of this.#state.list<HorizontalPodAutoscaler>(AUTOSCALERS)) {
      const wanted = status?.desiredReplicas ?? 0
      const all = this.#wanted.get(metadata.uid) ?? []
      this.#wanted.set(metadata.uid, all)
      if (wanted !== (all.at(-1)?.wanted ?? 0)) all.push({ at: this.#now() / 1000, wanted })
    }
  }

  async #do(deed: Deed): Promise<void> {
    const { client, nodes, restart, clock } = this.#simulation
    switch (deed.kind) {
      case 'fail':
        return nodes.fail(deed.node)
      case 'restore':
        return nodes.restore(deed.node)
      case 'restart':
        return restart(deed.component)
      case 'apply':
        for (const each of deed.objects) {
          await this.#apply(each).catch(error => {
            throw new Error(`${each.type.singular}/${each.object.metadata.name}: ${messageOf(error)}`)
          })
        }
        return
      case 'scale': {
        const { type, name, namespace } = deed.target
        await client.resource(type).patch(name, 'merge', { spec: { replicas: deed.replicas } }, { namespace })
        return
      }
      case 'load': {
        const { type, name, namespace } = deed.target
        const annotations = Object.fromEntries(
          Object.entries(deed.load).map(([resource, amount]) => [
            SIMULATION_ANNOTATIONS[resource as keyof Load],
            amount,
          ]),
        )
        await client.resource(type).patch(name, 'merge', { metadata: { annotations } }, { namespace })
        return
      }
      case 'rollout': {
        const { type, name, namespace } = deed.target
        const annotations = { 'kubectl.kubernetes.io/restartedAt': formatTime(clock.now()) }
        await client
          .resource(type)
          .patch(name, 'merge', { spec: { template: { metadata: { annotations } } } }, { namespace })
        return
      }
      case 'delete': {
        const { type, name, namespace } = deed.target
        return client.resource(type).delete(name, namespace === '' ? {} : { namespace })
      }
      case 'uncordon':
        await client.resource(Nodes).patch(deed.node, 'merge', { spec: { unschedulable: null } })
        return
      case 'drain':
        return this.#drain(deed.node)
    }
  }

  async #apply({ type, object }: Manifest): Promise<void> {
    const { name, namespace } = object.metadata
    await this.#simulation.client.resource(type).patch(name, 'apply', object, {
      fieldManager: 'canopus-simulate',
      force: true,
      ...(namespace === undefined ? {} : { namespace }),
    })
  }

  /** As `kubectl drain --ignore-daemonsets`: cordons, then asks for each pod's eviction until it is granted. */
  async #drain(node: string): Promise<void> {
    const { client, clock } = this.#simulation
    await client.resource(Nodes).patch(node, 'merge', { spec: { unschedulable: true } })
    const round = async (): Promise<void> => {
      const { items } = await client.resource(Pods).list({ fieldSelector: `spec.nodeName=${node}` })
      const left = items.filter(
        pod =>
          !pod.metadata.deletionTimestamp && !pod.metadata.ownerReferences?.some(each => each.kind === 'DaemonSet'),
      )
      for (const { metadata } of left) {
        const { name, namespace = '' } = metadata
        const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
        await client
          .resource(Pods)
          .subresource(name, 'eviction', eviction, { namespace })
          .catch(() => {})
      }
      if (left.length > 0) clock.setTimer(5000, () => void round().catch(() => {}))
    }
    await round()
  }

  #workloads(): ScenarioReport['workloads'] {
    return workloads(this.#state).map(({ kind, object, ready }) => {
      const { name, namespace = '', uid } = object.metadata
      const { createdAt = 0, readyAt } = this.#seen.get(uid) ?? {}
      const at = readyAt === undefined ? {} : { readyAt: readyAt / 1000 }
      return { kind, namespace, name, createdAt: createdAt / 1000, ...at, ready }
    })
  }

  #autoscalers(): ScenarioReport['autoscalers'] {
    return this.#state.list<HorizontalPodAutoscaler>(AUTOSCALERS).map(({ metadata, spec }) => ({
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      target: `${spec.scaleTargetRef.kind.toLowerCase()}/${spec.scaleTargetRef.name}`,
      replicas: this.#wanted.get(metadata.uid) ?? [],
    }))
  }

  #nodes(): ScenarioReport['nodes'] {
    return this.#state.list<Node>('minions').map(node => ({
      name: node.metadata.name,
      ready: isNodeReady(node),
      pods: this.#state
        .podsOn(node.metadata.name)
        .filter(pod => !isEnded(pod))
        .map(pod => `${pod.metadata.namespace}/${pod.metadata.name}`)
        .sort(),
    }))
  }

  #pending(): ScenarioReport['pending'] {
    return this.#state
      .list<Pod>('pods')
      .filter(pod => !isEnded(pod) && !isReady(pod))
      .map(pod => {
        const created = Date.parse(pod.metadata.creationTimestamp ?? '')
        const { clock } = this.#simulation
        const since = (this.#now() - (clock.now() - created)) / 1000
        return { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name, since, reason: whyNotReady(pod) }
      })
  }
}

const isNodeReady = (node: Node): boolean => findCondition(node.status?.conditions, 'Ready')?.status === 'True'

function whyNotReady(pod: Pod): string {
  const scheduled = findCondition(pod.status?.conditions, 'PodScheduled')
  if (!pod.spec.nodeName) return scheduled?.message ?? 'not yet looked at by a scheduler'
  if (pod.metadata.deletionTimestamp) return `on its way out on ${pod.spec.nodeName}`
  const waiting = pod.status?.containerStatuses?.find(each => each.state?.waiting)?.state?.waiting?.reason
  return waiting === undefined ? `not ready on ${pod.spec.nodeName}` : `${waiting} on ${pod.spec.nodeName}`
}

interface Workload {
  kind: string
  object: Deployment | StatefulSet | DaemonSet | Job
  isDone: boolean
  /** For example `3/3`. */
  ready: string
}

function workloads(state: ClusterState): Workload[] {
  return [
    ...state.list<Deployment>('deployments').map(each => replicated('Deployment', each)),
    ...state.list<StatefulSet>('statefulsets').map(each => replicated('StatefulSet', each)),
    ...state.list<DaemonSet>('daemonsets').map(each => {
      const { desiredNumberScheduled = 0, numberReady = 0, updatedNumberScheduled = 0 } = each.status ?? {}
      const isSeen = each.status?.observedGeneration === each.metadata.generation
      const isDone =
        isSeen && numberReady === desiredNumberScheduled && updatedNumberScheduled === desiredNumberScheduled
      return { kind: 'DaemonSet', object: each, isDone, ready: `${numberReady}/${desiredNumberScheduled}` }
    }),
    ...state.list<Job>('jobs').map(each => {
      const isDone = ['Complete', 'Failed'].some(
        type => findCondition(each.status?.conditions, type)?.status === 'True',
      )
      const wanted = each.spec.completions ?? 1
      return { kind: 'Job', object: each, isDone, ready: `${each.status?.succeeded ?? 0}/${wanted}` }
    }),
  ]
}

function replicated(kind: string, object: Deployment | StatefulSet): Workload {
  const wanted = object.spec.replicas ?? 1
  const { readyReplicas = 0, updatedReplicas = 0, replicas = 0, observedGeneration } = object.status ?? {}
  const isDone =
    observedGeneration === object.metadata.generation &&
    [readyReplicas, updatedReplicas, replicas].every(each => each === wanted)
  return { kind, object, isDone, ready: `${readyReplicas}/${wanted}` }
}

/** What kept pods from being made at all, such as a quota: no pod can tell. */
function whyNotMade(state: ClusterState, { metadata, status }: Workload['object']): string | undefined {
  const sets = state.list<ReplicaSet>('replicasets').filter(each => controllerOf(each) === metadata.uid)
  const conditions = [status, ...sets.map(each => each.status)].flatMap(each => each?.conditions ?? [])
  return conditions.find(each => each.type === 'ReplicaFailure' && each.status === 'True')?.message
}

/** What the cluster is still busy with. */
function waiting(state: ClusterState): string[] {
  const busy = workloads(state)
    .filter(each => !each.isDone)
    .map(({ kind, object, ready }) => {
      const why = whyNotMade(state, object)
      return `${kind} ${object.metadata.namespace}/${object.metadata.name} ${ready}${why === undefined ? '' : ` (${why})`}`
    })
  const alone = state
    .list<Pod>('pods')
    .filter(pod => !isEnded(pod) && !isReady(pod) && (pod.metadata.ownerReferences ?? []).length === 0)
    .map(pod => `Pod ${pod.metadata.namespace}/${pod.metadata.name}`)
  return [...busy, ...alone]
}
