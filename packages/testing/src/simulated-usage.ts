/** What pods use on simulated nodes, as their kubelets would count it. */
import { Deployments, Pods, StatefulSets } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import {
  controllerOf,
  findCondition,
  type KubeObject,
  parseQuantity,
  parseTime,
  QuantityError,
  type ResourceType,
  scaledQuantity,
} from '@canopus/apimachinery'
import type { ContainerPoint, Scrape } from '@canopus/apiserver'
import type { Informer, InformerFactory } from '@canopus/client'
import { SIMULATION_ANNOTATIONS } from './simulated-pod.ts'

export interface SimulatedUsageOptions {
  informers: InformerFactory
  /** Whether the node's kubelet would answer. */
  isUp(node: string): boolean
}

/** CPU in billionths of a core, memory in bytes. */
interface Use {
  readonly cpu: number
  readonly memory: number
}

/** CPU time so far in nanoseconds, at a moment (milliseconds), since the start. */
interface Counter {
  cpu: number
  at: number
  readonly startedAt: number
}

type Round = Map<string, Scrape>

const { cpu: CPU, memory: MEMORY } = SIMULATION_ANNOTATIONS
/** How quantities of an annotation are counted. */
const SCALES = { [CPU]: -9, [MEMORY]: 0 } as const
type Annotation = keyof typeof SCALES

const BY_USE = 'simulated-use'
const BY_LOAD = 'simulated-load'
/** Under which name of the index pods are found that say themselves what they use. */
const OWN = 'own'
const NO_PODS: Scrape['pods'] = new Map()

/**
 * Counts what pods use by what they, or the workload that they belong to, say of it (`SIMULATION_ANNOTATIONS`). Pods of which nobody says
 * anything have no figures. Costs something for those only of which somebody does.
 */
export class SimulatedUsage {
  readonly #isUp: SimulatedUsageOptions['isUp']
  readonly #pods: Informer<Pod>
  readonly #loaded: readonly { kind: string; informer: Informer<KubeObject> }[]
  #pod = new Map<string, Counter>()
  readonly #node = new Map<string, Counter>()
  #round: { at: number; nodes: Round } | undefined

  /** Before the informers start. */
  constructor({ informers, isUp }: SimulatedUsageOptions) {
    this.#isUp = isUp
    this.#pods = informers.informer(Pods)
    this.#pods.addIndex(BY_USE, usersOf)
    const loaded = [Deployments, StatefulSets] as unknown as readonly ResourceType<KubeObject>[]
    this.#loaded = loaded.map(type => ({ kind: type.kind, informer: informers.informer(type) }))
    for (const { informer } of this.#loaded) informer.addIndex(BY_LOAD, loadOf)
  }

  /** What the node's kubelet says at a moment (milliseconds); nothing where it would not answer. */
  scrape(node: string, now: number): Scrape | undefined {
    if (!this.#isUp(node)) return undefined
    // All nodes are asked at the same moment, for which everything is worked out at once.
    if (this.#round?.at !== now) this.#round = { at: now, nodes: this.#count(now) }
    return (
      this.#round.nodes.get(node) ?? {
        node: { at: now, cpu: this.#node.get(node)?.cpu ?? 0, memory: 0 },
        pods: NO_PODS,
      }
    )
  }

  #count(now: number): Round {
    const counters = new Map<string, Counter>()
    const nodes = new Map<string, { use: Use; pods: Map<string, ReadonlyMap<string, ContainerPoint>> }>()
    for (const [pod, use] of this.#uses()) {
      const { name, namespace, uid } = pod.metadata
      const started = pod.status?.containerStatuses?.[0]?.state?.running?.startedAt
      const startedAt = started === undefined ? undefined : parseTime(started)
      const { nodeName } = pod.spec
      if (startedAt === undefined || nodeName === undefined || !this.#isUp(nodeName)) continue
      const before = this.#pod.get(uid)
      const counter = before?.startedAt === startedAt ? before : { cpu: 0, at: startedAt, startedAt }
      advance(counter, use.cpu, now)
      counters.set(uid, counter)
      const on = nodes.get(nodeName) ?? { use: { cpu: 0, memory: 0 }, pods: new Map() }
      nodes.set(nodeName, on)
      on.use = { cpu: on.use.cpu + use.cpu, memory: on.use.memory + use.memory }
      on.pods.set(`${namespace}/${name}`, shared(pod, counter, use.memory))
    }
    this.#pod = counters
    const scrapes: Round = new Map()
    for (const [name, { use, pods }] of nodes) {
      const counter = this.#node.get(name) ?? { cpu: 0, at: now, startedAt: 0 }
      this.#node.set(name, counter)
      advance(counter, use.cpu, now)
      scrapes.set(name, { node: { at: now, cpu: counter.cpu, memory: use.memory }, pods })
    }
    return scrapes
  }

  /** What each pod uses now of which somebody says it. */
  #uses(): Map<Pod, Use> {
    const { lister } = this.#pods
    const uses = new Map<Pod, Use>()
    for (const pod of lister.byIndex(BY_USE, OWN)) {
      uses.set(pod, { cpu: amountOf(pod, CPU) ?? 0, memory: amountOf(pod, MEMORY) ?? 0 })
    }
    for (const { kind, informer } of this.#loaded) {
      for (const workload of informer.lister.byIndex(BY_LOAD, OWN)) {
        const { namespace, name } = workload.metadata
        const pods = lister.byIndex(BY_USE, `${kind}/${namespace}/${name}`)
        const [cpu, memory] = [sharesOf(workload, pods, CPU), sharesOf(workload, pods, MEMORY)]
        for (const pod of pods) uses.set(pod, { cpu: cpu(pod), memory: memory(pod) })
      }
    }
    return uses
  }
}

/** What each of the workload's pods uses of a resource: what it says itself, or its share of the load. */
function sharesOf(workload: KubeObject, pods: readonly Pod[], resource: Annotation): (pod: Pod) => number {
  const takes = (pod: Pod): boolean => canTakeLoad(pod) && amountOf(pod, resource) === undefined
  const share = Math.round((amountOf(workload, resource) ?? 0) / Math.max(1, pods.filter(takes).length))
  return pod => amountOf(pod, resource) ?? (takes(pod) ? share : 0)
}

/** As services see it. */
const canTakeLoad = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && findCondition(status?.conditions, 'Ready')?.status === 'True'

const saysUse = ({ metadata: { annotations } }: KubeObject): boolean =>
  annotations?.[CPU] !== undefined || annotations?.[MEMORY] !== undefined

const loadOf = (workload: KubeObject): readonly string[] => (saysUse(workload) ? [OWN] : [])

/** Itself, where it says what it uses, and the workload that may say it. */
function usersOf(pod: Pod): readonly string[] {
  const owner = controllerOf(pod)
  const own = saysUse(pod) ? [OWN] : []
  if (owner === undefined) return own
  const { namespace, labels } = pod.metadata
  // A replica set of a deployment is called by the deployment and the hash of the template, which its pods have as a label.
  const suffix = `-${labels?.['pod-template-hash']}`
  const isOfDeployment = owner.kind === 'ReplicaSet' && owner.name.endsWith(suffix)
  const workload = isOfDeployment ? `Deployment/${namespace}/${owner.name.slice(0, -suffix.length)}` : ''
  return [...own, workload || `${owner.kind}/${namespace}/${owner.name}`]
}

/** What an annotation says in its unit; nothing where it is missing or no quantity. */
function amountOf({ metadata: { annotations } }: KubeObject, resource: Annotation): number | undefined {
  const text = annotations?.[resource]
  if (text === undefined) return undefined
  try {
    return Math.max(0, Number(scaledQuantity(parseQuantity(text), SCALES[resource])))
  } catch (error) {
    if (error instanceof QuantityError) return undefined
    throw error
  }
}

function advance(counter: Counter, cpu: number, now: number): void {
  counter.cpu += (Math.max(0, now - counter.at) * cpu) / 1000
  counter.at = Math.max(counter.at, now)
}

/** The pod's containers, each of which uses the same. */
function shared({ spec }: Pod, { cpu, at, startedAt }: Counter, memory: number): ReadonlyMap<string, ContainerPoint> {
  const { length } = spec.containers
  const point = { at, cpu: cpu / length, memory: memory / length, startedAt }
  return new Map(spec.containers.map(({ name }) => [name, point]))
}
