import { Leases, Nodes, Pods } from '@canopus/api'
import type { Lease } from '@canopus/api/coordination/v1'
import type { Node, Pod, PodStatus, Taint } from '@canopus/api/core/v1'
import { type Draft, findCondition, formatMicroTime, hasReason, ownerReference } from '@canopus/apimachinery'
import { type Clock, type Logger, type Random, sleep, type Timer, whenAborted } from '@canopus/base'
import type { Client, Informer, InformerFactory } from '@canopus/client'
import type { ImpliedHeartbeats } from './implied-heartbeats.ts'
import { simulatedNode } from './simulated-node-object.ts'
import { behaviourOf, exitedStatus, nextStep, type PodBehaviour, runningStatus, type Step } from './simulated-pod.ts'

export interface SimulatedNodeSpec {
  name: string
  labels?: Readonly<Record<string, string>>
  taints?: readonly Taint[]
  /** What is not said is as in the options. */
  capacity?: Readonly<Record<string, string>>
}

export interface SimulatedNodesOptions {
  client: Client
  informers: InformerFactory
  clock: Clock
  logger: Logger
  /** Whether a pod fails that does so by chance; none does where missing. */
  random?: Random
  /** So many alike. */
  count?: number
  /** Names are this and a number from 0. Default `node-`. */
  prefix?: string
  /** Nodes that are not alike, besides. */
  nodes?: readonly SimulatedNodeSpec[]
  capacity?: Readonly<Record<string, string>>
  /** Milliseconds from binding to Ready. Default 0: at once. Annotations of pods say otherwise. */
  startDelay?: number
  /** How pods behave that do not say so themselves. */
  behaviour?: Partial<PodBehaviour>
  /** Milliseconds between heartbeats. Default 10 s. */
  heartbeat?: number
  /** Where heartbeats are not all written: knows the others. */
  implied?: ImpliedHeartbeats
  /** Whether somebody else registers the nodes and sends their heartbeats: only their pods are looked after. Default false. */
  podsOnly?: boolean
}

const LEASE_NAMESPACE = 'kube-node-lease'
const LEASE_SECONDS = 40
/** Before what failed is tried again, in milliseconds. */
const RETRY = 1000
/** So many nodes act in one turn of the event loop. What requests of thousands hold at once would outlive the young generation. */
const AT_ONCE = 64

/**
 * Nodes without a machine: they register, send heartbeats, and say of every pod bound to them that it runs, ends or fails as
 * its annotations have it. Ends with the signal.
 */
export function runSimulatedNodes(options: SimulatedNodesOptions, signal: AbortSignal): Promise<void> {
  return new SimulatedNodes(options).run(signal)
}

interface Work {
  pod: Pod
  timer?: Timer
  writing?: boolean
}

const nodeOf = ({ spec }: Pod): string[] => (spec.nodeName ? [spec.nodeName] : [])

/** The same, for those who want to fail nodes. */
export class SimulatedNodes {
  readonly #options: SimulatedNodesOptions
  readonly #specs = new Map<string, SimulatedNodeSpec>()
  /** Which number of a node each is. */
  readonly #indexes = new Map<string, number>()
  readonly #down = new Set<string>()
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  /** Pods on which something is under way or planned, by uid. */
  readonly #work = new Map<string, Work>()
  /** How the containers of a pod have ended at last, as the container runtime would know it, whatever was said of it and heard. */
  readonly #ends = new Map<string, { run: number; exitCode: number }>()
  readonly #leases = new Map<string, Lease>()
  /** Nodes that write their renewals; the others' are implied. */
  readonly #renewing = new Set<string>()
  /** Nodes whose registration is under way. */
  readonly #registering = new Set<string>()
  #signal: AbortSignal | undefined
  #nextAddress = 1

  constructor(options: SimulatedNodesOptions) {
    this.#options = options
    for (let index = 0; index < (options.count ?? 0); index++)
      this.#add({ name: `${options.prefix ?? 'node-'}${index}` })
    for (const spec of options.nodes ?? []) this.#add(spec)
    this.#pods = options.informers.informer(Pods)
    this.#pods.addIndex('node', nodeOf)
    this.#nodes = options.informers.informer(Nodes)
  }

  #add(spec: SimulatedNodeSpec): void {
    const { capacity } = this.#options
    if (!this.#indexes.has(spec.name)) this.#indexes.set(spec.name, this.#indexes.size)
    this.#renewing.add(spec.name)
    this.#specs.set(spec.name, { ...spec, capacity: { ...capacity, ...spec.capacity } })
  }

  get names(): string[] {
    return [...this.#specs.keys()]
  }

  isUp(name: string): boolean {
    return this.#specs.has(name) && !this.#down.has(name)
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    try {
      await Promise.all([this.#pods.waitForSync(signal), this.#nodes.waitForSync(signal)])
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    const disconnect = [
      this.#pods.addHandler({
        added: pod => this.#see(pod),
        updated: (_, pod) => this.#see(pod),
        deleted: pod => this.#forget(pod),
      }),
      this.#nodes.addHandler({ updated: (_, node) => this.#seeNode(node) }),
    ]
    const alive = this.#options.podsOnly ? [] : [this.#registerAll(), this.#beatAll(signal)]
    await Promise.all([...alive, whenAborted(signal)])
    for (const stop of disconnect) stop()
    for (const { timer } of this.#work.values()) timer?.cancel()
  }

  /** One more node, which registers at once. */
  add(spec: SimulatedNodeSpec): void {
    this.#add(spec)
    this.#down.delete(spec.name)
    void this.#register(spec.name)
  }

  /** The node's machine stops at once, and with it everything on it. */
  fail(name: string): void {
    this.#halt(name)
    const last = this.#endImplied(name)
    // What nobody wrote while it went without saying.
    if (last !== undefined) void this.#renew(name, last).catch(error => this.#warn('heartbeat failed', error))
  }

  #halt(name: string): void {
    this.#down.add(name)
    for (const [uid, { pod, timer, writing }] of this.#work) {
      if (pod.spec.nodeName !== name || writing) continue
      timer?.cancel()
      this.#work.delete(uid)
    }
  }

  /** The machine comes back. */
  restore(name: string): void {
    if (!this.#down.delete(name)) return
    void this.#beat(name)
    void this.#register(name)
    for (const pod of this.#pods.lister.byIndex('node', name)) this.#see(pod)
  }

  /** The node's agent starts anew: what it had in mind is gone, what it does next follows from what the API says. */
  restart(name: string): void {
    this.#halt(name)
    this.#endImplied(name)
    this.restore(name)
  }

  #registerAll(): Promise<void> {
    return this.#inTurns(this.names, name => this.#register(name))
  }

  /** Does the same for all, some in each turn; none waits for those before it. */
  async #inTurns(names: readonly string[], act: (name: string) => Promise<void>): Promise<void> {
    const acting: Promise<void>[] = []
    for (const name of names) {
      if (acting.length > 0 && acting.length % AT_ONCE === 0) await this.#pause(0)
      acting.push(act(name))
    }
    await Promise.all(acting)
  }

  /** Writes the node until it is there and says that it is ready. */
  async #register(name: string): Promise<void> {
    if (this.#registering.has(name)) return
    this.#registering.add(name)
    const spec = this.#specs.get(name)!
    const index = this.#indexes.get(name) ?? 0
    const nodes = this.#options.client.resource(Nodes)
    while (!this.#ended() && this.isUp(name)) {
      try {
        const node = simulatedNode(spec, index, this.#options.clock.now())
        // As a kubelet's, a new node comes with its status.
        const made = await nodes.create(node).catch(ignoreExisting)
        if (made === undefined) await nodes.patch(name, 'merge', { status: node.status }, { subresource: 'status' })
        break
      } catch (error) {
        this.#warn('a node could not register', error)
        await this.#pause(RETRY)
      }
    }
    this.#registering.delete(name)
  }

  /** A node that was given up for lost says that it is there after all. */
  #seeNode(node: Node): void {
    const { name } = node.metadata
    if (this.#options.podsOnly || !this.isUp(name) || this.#registering.has(name)) return
    if (findCondition(node.status?.conditions, 'Ready')?.status !== 'Unknown') return
    this.#endImplied(name)
    void this.#register(name)
  }

  async #beatAll(signal: AbortSignal): Promise<void> {
    const { clock, heartbeat, implied } = this.#options
    while (!signal.aborted) {
      const ended = implied?.begin({ at: clock.monotonic(), wall: clock.now() }) ?? []
      for (const name of ended) this.#renewing.add(name)
      const up = [...this.#renewing].filter(name => this.isUp(name))
      await this.#inTurns(up, name => this.#beat(name))
      await this.#pause(heartbeat ?? 10_000)
    }
  }

  /** Renews a node's lease, and need not do so again where what follows is implied. */
  async #beat(name: string): Promise<void> {
    const { clock, implied } = this.#options
    const renewal = { at: clock.monotonic(), wall: clock.now() }
    try {
      const lease = await this.#renew(name, formatMicroTime(renewal.wall))
      if (implied === undefined || lease === undefined || !this.isUp(name)) return
      implied.wrote(name, lease.metadata.resourceVersion, renewal)
      if (implied.goOn(name)) this.#renewing.delete(name)
    } catch (error) {
      this.#warn('heartbeat failed', error)
    }
  }

  #endImplied(name: string): string | undefined {
    this.#renewing.add(name)
    return this.#options.implied?.end(name)
  }

  /** Answers the lease as it is now, unless somebody else was faster. */
  async #renew(name: string, renewTime: string): Promise<Lease | undefined> {
    const leases = this.#options.client.resource(Leases)
    const known = this.#leases.get(name)
    this.#leases.delete(name) // where the write fails, it is read anew
    try {
      const lease = known ?? (await leases.get(name, { namespace: LEASE_NAMESPACE }))
      const renewed = await leases.update({ ...lease, spec: { ...lease.spec, renewTime } })
      this.#leases.set(name, renewed)
      return renewed
    } catch (error) {
      if (hasReason(error, 'Conflict')) return undefined
      if (!hasReason(error, 'NotFound')) throw error
      // It goes when the node does, and a node that is gone gets none (pkg/kubelet/util/nodelease.go).
      const node = await this.#options.client.resource(Nodes).get(name)
      const lease: Draft<Lease> = {
        metadata: { name, namespace: LEASE_NAMESPACE, ownerReferences: [ownerReference(node, Nodes)] },
        spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
      }
      const made = await leases.create(lease).catch(ignoreExisting)
      if (made !== undefined) this.#leases.set(name, made)
      return made
    }
  }

  #see(pod: Pod): void {
    const { uid, resourceVersion } = pod.metadata
    if (!this.isUp(pod.spec.nodeName ?? '') || this.#ended()) return
    const known = this.#work.get(uid)
    // What was just written may come back later than what this agent knows.
    if (known && Number(known.pod.metadata.resourceVersion) > Number(resourceVersion)) return
    if (known?.writing) {
      known.pod = pod
      return
    }
    known?.timer?.cancel()
    this.#plan(pod)
  }

  #plan(pod: Pod): void {
    const { uid } = pod.metadata
    const { clock } = this.#options
    const step = nextStep(pod, this.#behaviour(pod), clock.now())
    const work: Work = { pod }
    this.#work.set(uid, work)
    if (step === undefined) return
    if (step.after <= 0) void this.#act(work, step)
    else work.timer = clock.setTimer(step.after, () => void this.#act(work, step))
  }

  #behaviour(pod: Pod): PodBehaviour {
    const { startDelay, behaviour } = this.#options
    return behaviourOf(pod, { ...(startDelay === undefined ? {} : { startDelay }), ...behaviour })
  }

  async #act(work: Work, step: Step): Promise<void> {
    const { uid } = work.pod.metadata
    work.writing = true
    try {
      const written = await this.#write(work.pod, step)
      if (written && Number(written.metadata.resourceVersion) >= Number(work.pod.metadata.resourceVersion))
        work.pod = written
    } catch (error) {
      if (hasReason(error, 'NotFound')) {
        this.#work.delete(uid)
        return
      }
      this.#warn('a simulated kubelet failed', error)
      await this.#pause(RETRY)
    }
    work.writing = false
    if (this.#work.get(uid) !== work) return
    if (this.#ended() || !this.isUp(work.pod.spec.nodeName ?? '')) this.#work.delete(uid)
    else if (step.kind !== 'remove' || this.#pods.lister.get(work.pod.metadata.name, work.pod.metadata.namespace)) {
      this.#plan(work.pod)
    }
  }

  async #write(pod: Pod, { kind }: Step): Promise<Pod | undefined> {
    const pods = this.#options.client.resource(Pods)
    const { name, namespace = '', uid } = pod.metadata
    if (kind === 'remove') {
      await pods.delete(name, { namespace, body: { gracePeriodSeconds: 0, preconditions: { uid } } })
      // Where something else holds the pod, there is nothing more to do for it here.
      return { ...pod, metadata: { ...pod.metadata, deletionGracePeriodSeconds: 0 } }
    }
    const status = this.#statusAfter(pod, kind)
    return pods.patch(name, 'merge', { metadata: { uid }, status }, { namespace, subresource: 'status' })
  }

  #statusAfter(pod: Pod, kind: Exclude<Step['kind'], 'remove'>): PodStatus {
    const now = this.#options.clock.now()
    const { readyDelay, runFor } = this.#behaviour(pod)
    switch (kind) {
      case 'run':
        if (runFor === 0) return exitedStatus(pod, now, this.#exit(pod))
        return runningStatus(pod, now, this.#address(), readyDelay <= 0)
      case 'restart':
        return runningStatus(pod, now, this.#address(), readyDelay <= 0)
      case 'ready':
        return runningStatus(pod, now, this.#address(), true)
      case 'observe':
        return runningStatus(
          pod,
          now,
          this.#address(),
          findCondition(pod.status?.conditions, 'Ready')?.status === 'True',
        )
      case 'exit':
        return exitedStatus(pod, now, this.#exit(pod))
      case 'finish':
        return exitedStatus(pod, now, 137)
    }
  }

  /** How its containers end: once for each time that they run. */
  #exit(pod: Pod): number {
    const { uid } = pod.metadata
    const run = pod.status?.containerStatuses?.[0]?.restartCount ?? 0
    const before = this.#ends.get(uid)
    if (before?.run === run) return before.exitCode
    const { exitCode: usual, failureChance } = this.#behaviour(pod)
    const exitCode = failureChance > 0 && (this.#options.random?.next() ?? 1) < failureChance ? 1 : usual
    this.#ends.set(uid, { run, exitCode })
    return exitCode
  }

  #forget(pod: Pod): void {
    this.#work.get(pod.metadata.uid)?.timer?.cancel()
    this.#work.delete(pod.metadata.uid)
    this.#ends.delete(pod.metadata.uid)
  }

  #address(): string {
    const index = this.#nextAddress++
    return `10.244.${Math.floor(index / 250) % 256}.${(index % 250) + 2}`
  }

  #ended(): boolean {
    return this.#signal?.aborted ?? false
  }

  #pause(milliseconds: number): Promise<void> {
    return sleep(this.#options.clock, milliseconds, this.#signal).catch(() => {})
  }

  #warn(message: string, error: unknown): void {
    if (!this.#ended()) this.#options.logger.warn(message, { error })
  }
}

export const ignoreExisting = (error: unknown): undefined => {
  if (!hasReason(error, 'AlreadyExists')) throw error
}
