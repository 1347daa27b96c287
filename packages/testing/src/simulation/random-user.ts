/** A user who does by chance what users do: makes workloads, scales them, rolls them out, drains nodes, deletes things. */
import {
  ConfigMaps,
  CronJobs,
  DaemonSets,
  Deployments,
  HorizontalPodAutoscalers,
  Jobs,
  Namespaces,
  Nodes,
  PodDisruptionBudgets,
  Pods,
  ResourceQuotas,
  Services,
  StatefulSets,
} from '@canopus/api'
import type { Draft, KubeObject, ResourceType } from '@canopus/apimachinery'
import { type Clock, type Random, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import { between, chance, pick } from './choices.ts'
import { REGISTER_LABEL } from './invariants/policies.ts'
import { autoscaler, cronJob, daemonSet, deployment, job, load, statefulSet } from './random-workloads.ts'

export interface RandomUserOptions {
  client: Client
  /** On which things go wrong; for those who have to bear it. */
  faultyClient: Client
  clock: Clock
  random: Random
  nodes: readonly string[]
}

const NAMESPACES = ['alpha', 'beta', 'gamma']
const QUOTA_NAMESPACE = 'gamma'
const QUOTA = 12
/** What lets a workload finish what it is about. */
const SPEC_AT_END = new Map<unknown, object>([
  [Deployments, { paused: false }],
  [Jobs, { suspend: false }],
  [CronJobs, { suspend: true }],
])

interface Made {
  readonly type: ResourceType
  readonly namespace: string
  readonly name: string
}

export class RandomUser {
  readonly #options: RandomUserOptions
  readonly #random: Random
  readonly #made: Made[] = []
  readonly #cordoned = new Set<string>()
  /** Increments of registers that were acknowledged, and those of which nobody knows. */
  readonly increments = { done: 0, unknown: 0 }
  #serial = 0

  constructor(options: RandomUserOptions) {
    this.#options = options
    this.#random = options.random
  }

  /** What is there from the start. */
  async begin(): Promise<void> {
    const { client } = this.#options
    for (const name of NAMESPACES) await client.resource(Namespaces).create({ metadata: { name }, spec: {} })
    const hard = { pods: String(QUOTA) }
    await client
      .resource(ResourceQuotas)
      .create({ metadata: { name: 'pods', namespace: QUOTA_NAMESPACE }, spec: { hard } })
    await client.resource(ConfigMaps).create({
      metadata: { name: 'register', namespace: 'default', labels: { [REGISTER_LABEL]: 'true' } },
      data: { value: '0' },
    })
    await this.act('deployment')
  }

  /** One deed. Failures are the user's bad luck: the API may be away just then. */
  async act(kind: Deed = pick(this.#random, DEEDS)): Promise<void> {
    try {
      await this.#deeds[kind]()
    } catch {
      // Told to the user, who shrugs.
    }
  }

  /** Makes everything possible again that the user prevented, and ends what would never come to rest. */
  async end(): Promise<void> {
    for (const name of [...this.#cordoned]) await this.#cordon(name, false)
    const { client } = this.#options
    for (const { type, namespace, name } of this.#made) {
      const spec = SPEC_AT_END.get(type)
      if (spec === undefined) continue
      await client
        .resource(type)
        .patch(name, 'merge', { spec }, { namespace })
        .catch(() => {})
    }
  }

  /** Counts the register up by compare-and-swap until the signal aborts. */
  async count(signal: AbortSignal): Promise<void> {
    const { clock, faultyClient } = this.#options
    const registers = faultyClient.resource(ConfigMaps)
    while (!signal.aborted) {
      let written = false
      try {
        const register = await registers.get('register', { namespace: 'default' })
        written = true
        await registers.update({ ...register, data: { value: String(Number(register.data?.value) + 1) } })
        this.increments.done++
      } catch (error) {
        const code = (error as { code?: number }).code
        if (written && (code === undefined || code === 504 || code === 500)) this.increments.unknown++
      }
      await sleep(clock, between(this.#random, 200, 3000), signal).catch(() => {})
    }
  }

  readonly #deeds: Record<Deed, () => Promise<void>> = {
    deployment: () => this.#make(Deployments, deployment(this.#random, this.#nameFor('web'))),
    'stateful-set': () => this.#make(StatefulSets, statefulSet(this.#random, this.#nameFor('db'))),
    'daemon-set': () => this.#make(DaemonSets, daemonSet(this.#random, this.#nameFor('agent'))),
    job: () => this.#make(Jobs, job(this.#random, this.#nameFor('task'))),
    'cron-job': () => this.#make(CronJobs, cronJob(this.#random, this.#nameFor('cron'))),
    service: () => this.#service(),
    autoscaler: () => this.#autoscaler(),
    load: () => this.#load(),
    budget: () => this.#budget(),
    scale: () => this.#scale(),
    rollout: () => this.#rollout(),
    pause: () => this.#pause(),
    delete: () => this.#delete(),
    'delete-pod': () => this.#deletePod(),
    evict: () => this.#evict(),
    drain: () => this.#drain(),
    uncordon: () => this.#uncordon(),
    'delete-namespace': () => this.#deleteNamespace(),
  }

  #nameFor(prefix: string): string {
    return `${prefix}-${this.#serial++}`
  }

  async #make<T extends KubeObject>(type: ResourceType<T>, object: Draft<T>): Promise<void> {
    const namespace = pick(this.#random, NAMESPACES)
    this.#made.push({ type: type as unknown as ResourceType, namespace, name: object.metadata.name! })
    await this.#options.client.resource(type).create({ ...object, metadata: { ...object.metadata, namespace } })
  }

  #one(...types: readonly ResourceType<never>[]): Made {
    const wanted = types as readonly unknown[]
    return pick(
      this.#random,
      this.#made.filter(each => wanted.length === 0 || wanted.includes(each.type)),
    )
  }

  async #service(): Promise<void> {
    const { namespace, name } = this.#one(Deployments as never, StatefulSets as never)
    const type = pick(this.#random, ['ClusterIP', 'NodePort'])
    await this.#options.client.resource(Services).create({
      metadata: { name: this.#nameFor('svc'), namespace },
      spec: { type, selector: { app: name }, ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }] },
    })
  }

  /** Called as what it scales, of which there can thus be no second one. */
  async #autoscaler(): Promise<void> {
    const { type, namespace, name } = this.#one(Deployments as never, StatefulSets as never)
    await this.#giveLoad({ type, namespace, name })
    this.#made.push({ type: HorizontalPodAutoscalers as unknown as ResourceType, namespace, name })
    const object = autoscaler(this.#random, type.kind, name)
    await this.#options.client
      .resource(HorizontalPodAutoscalers)
      .create({ ...object, metadata: { ...object.metadata, namespace } })
  }

  async #load(): Promise<void> {
    const { namespace, name } = this.#one(HorizontalPodAutoscalers as never)
    await this.#giveLoad(this.#made.find(each => each.namespace === namespace && each.name === name)!)
  }

  async #giveLoad({ type, namespace, name }: Made): Promise<void> {
    const metadata = { annotations: load(this.#random) }
    await this.#options.client.resource(type).patch(name, 'merge', { metadata }, { namespace })
  }

  async #budget(): Promise<void> {
    const { namespace, name } = this.#one(Deployments as never, StatefulSets as never)
    await this.#options.client.resource(PodDisruptionBudgets).create({
      metadata: { name, namespace },
      spec: { minAvailable: between(this.#random, 1, 2), selector: { matchLabels: { app: name } } },
    })
  }

  async #scale(): Promise<void> {
    const { type, namespace, name } = this.#one(Deployments as never, StatefulSets as never)
    const spec = { replicas: between(this.#random, 0, 7) }
    await this.#options.client.resource(type).patch(name, 'merge', { spec }, { namespace })
  }

  async #rollout(): Promise<void> {
    const { type, namespace, name } = this.#one(Deployments as never, StatefulSets as never, DaemonSets as never)
    const env = [{ name: 'VERSION', value: String(this.#serial++) }]
    const spec = { template: { spec: { containers: [{ name: 'main', env }] } } }
    await this.#options.client.resource(type).patch(name, 'strategic', { spec }, { namespace })
  }

  async #pause(): Promise<void> {
    const { type, namespace, name } = this.#one(Deployments as never, Jobs as never, CronJobs as never)
    const on = chance(this.#random, 0.5)
    const spec = (type as unknown) === Deployments ? { paused: on } : { suspend: on }
    await this.#options.client.resource(type).patch(name, 'merge', { spec }, { namespace })
  }

  async #delete(): Promise<void> {
    const { type, namespace, name } = this.#one()
    const propagationPolicy = pick(this.#random, ['Background', 'Background', 'Foreground', 'Orphan'] as const)
    await this.#options.client.resource(type).delete(name, { namespace, body: { propagationPolicy } })
  }

  async #anyPod(): Promise<{ name: string; namespace: string }> {
    const { items } = await this.#options.client.resource(Pods).list()
    const { name, namespace = '' } = pick(this.#random, items).metadata
    return { name, namespace }
  }

  async #deletePod(): Promise<void> {
    const { name, namespace } = await this.#anyPod()
    await this.#options.client.resource(Pods).delete(name, { namespace })
  }

  async #evict(pod?: { name: string; namespace: string }): Promise<void> {
    const { name, namespace } = pod ?? (await this.#anyPod())
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
    await this.#options.client.resource(Pods).subresource(name, 'eviction', eviction, { namespace })
  }

  async #cordon(name: string, unschedulable: boolean): Promise<void> {
    await this.#options.client.resource(Nodes).patch(name, 'merge', { spec: { unschedulable } })
    if (unschedulable) this.#cordoned.add(name)
    else this.#cordoned.delete(name)
  }

  async #drain(): Promise<void> {
    const node = pick(this.#random, this.#options.nodes)
    await this.#cordon(node, true)
    const { items } = await this.#options.client.resource(Pods).list({ fieldSelector: `spec.nodeName=${node}` })
    for (const { metadata } of items) {
      if (metadata.ownerReferences?.some(each => each.kind === 'DaemonSet')) continue
      await this.#evict({ name: metadata.name, namespace: metadata.namespace! }).catch(() => {})
    }
  }

  async #uncordon(): Promise<void> {
    const [name] = this.#cordoned
    if (name !== undefined) await this.#cordon(name, false)
  }

  async #deleteNamespace(): Promise<void> {
    if (!chance(this.#random, 0.3)) return
    const { client } = this.#options
    const name = pick(
      this.#random,
      NAMESPACES.filter(each => each !== QUOTA_NAMESPACE),
    )
    await client.resource(Namespaces).delete(name)
    // Comes back as soon as it is gone, in which case what follows is in a namespace of the same name.
    void sleep(this.#options.clock, 30_000).then(() =>
      client
        .resource(Namespaces)
        .create({ metadata: { name }, spec: {} })
        .catch(() => {}),
    )
  }
}

const DEEDS = [
  'deployment',
  'deployment',
  'stateful-set',
  'daemon-set',
  'job',
  'job',
  'cron-job',
  'service',
  'autoscaler',
  'load',
  'budget',
  'scale',
  'scale',
  'rollout',
  'rollout',
  'pause',
  'delete',
  'delete',
  'delete-pod',
  'evict',
  'drain',
  'uncordon',
  'delete-namespace',
] as const

export type Deed = (typeof DEEDS)[number]
