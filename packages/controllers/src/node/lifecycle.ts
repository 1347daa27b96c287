/**
 * Watches over nodes: taints them by their conditions, declares silent ones unknown, marks their pods not ready.
 * Behaviour: kubernetes pkg/controller/nodelifecycle.
 */

import { Leases, Nodes, Pods } from '@canopus/api'
import type { Lease } from '@canopus/api/coordination/v1'
import type { Node, Pod, Taint } from '@canopus/api/core/v1'
import { findCondition, formatTime, hasReason, semanticEqual } from '@canopus/apimachinery'
import type { Logger, Timer } from '@canopus/base'
import type { Informer } from '@canopus/client'
import { type Controller, type ControllerContext, type ReconcileResult, runWorkers, WorkQueue } from '@canopus/operator'
import { EVICTION_LIMITS, type EvictionLimits, zoneOf } from './disruption.ts'
import { silentConditions } from './health.ts'
import { type NodeMetrics, nodeMetrics } from './node-metrics.ts'
import { type Heartbeats, Silence } from './silence.ts'
import { noExecuteTaint, taintsFor } from './taints.ts'
import { Zones } from './zones.ts'

export interface NodeLifecycleOptions {
  /** How long a node may be silent, in milliseconds. Default 50,000. */
  monitorGracePeriod?: number
  /** The same for a node that has never reported. Default 60,000. */
  startupGracePeriod?: number
  /** Default 5,000. */
  monitorPeriod?: number
  /** How many nodes may be marked for eviction; see {@link EVICTION_LIMITS}. */
  eviction?: Partial<EvictionLimits>
  /** Where nodes do not write all their renewals. */
  heartbeats?: Heartbeats
}

const BY_NODE = 'node'
const LEASE_NAMESPACE = 'kube-node-lease'
/** Nodes that are written to side by side (`scheduler.UpdateWorkerSize` upstream). */
const WORKERS = 8
const POD_WORKERS = 4
/** Before taints are written again that somebody else has changed, in milliseconds (`UpdateTaintBackoff`). */
const TAINT_RETRY = 100

const nodeOf = ({ spec }: Pod): string[] => (spec?.nodeName ? [spec.nodeName] : [])

/** The pods' informer with the index by node. */
export function podsByNode(context: ControllerContext): { informer: Informer<Pod>; of(node: string): readonly Pod[] } {
  const informer = context.informers.informer(Pods)
  informer.addIndex(BY_NODE, nodeOf)
  return { informer, of: node => informer.lister.byIndex(BY_NODE, node) }
}

export function createNodeLifecycleController(
  context: ControllerContext,
  options: NodeLifecycleOptions = {},
): Controller {
  const nodes = context.informers.informer(Nodes)
  const leases = context.informers.informer(Leases, { namespace: LEASE_NAMESPACE })
  const pods = podsByNode(context)
  return {
    name: 'node-lifecycle-controller',
    async run(signal) {
      try {
        await Promise.all([nodes, leases, pods.informer].map(informer => informer.waitForSync(signal)))
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      await new NodeLifecycle(context, options, { nodes, leases, pods }).run(signal)
    },
  }
}

/** What shows as taints, makes others not ready, or says to which zone it counts. */
function statesOf({ metadata, spec, status }: Node): unknown {
  return [
    metadata.labels,
    spec?.unschedulable,
    spec?.taints,
    (status?.conditions ?? []).map(each => [each.type, each.status]),
  ]
}

interface Sources {
  nodes: Informer<Node>
  leases: Informer<Lease>
  pods: { informer: Informer<Pod>; of(node: string): readonly Pod[] }
}

/** Looks at a node when it changes or has been silent for too long, and at no other time. */
class NodeLifecycle {
  readonly #context: ControllerContext
  readonly #period: number
  readonly #heartbeats: Heartbeats | undefined
  readonly #sources: Sources
  readonly #logger: Logger
  readonly #queue: WorkQueue<string>
  readonly #podQueue: WorkQueue<string>
  readonly #silence: Silence
  readonly #readiness = new Map<string, string>()
  /** Versions in which we wrote nodes: what is older than that here says nothing. */
  readonly #written = new Map<string, number>()
  readonly #zones: Zones
  readonly #metrics: NodeMetrics | undefined
  #check: { at: number; timer: Timer } | undefined

  constructor(context: ControllerContext, options: NodeLifecycleOptions, sources: Sources) {
    const { clock } = context
    this.#context = context
    this.#period = options.monitorPeriod ?? 5_000
    this.#heartbeats = options.heartbeats
    this.#sources = sources
    this.#logger = context.logger.child({ controller: 'node-lifecycle-controller' })
    this.#queue = new WorkQueue<string>({ clock })
    this.#podQueue = new WorkQueue<string>({ clock })
    const limits = { ...EVICTION_LIMITS, ...options.eviction }
    this.#metrics = context.metrics && nodeMetrics(context.metrics)
    this.#zones = new Zones(limits, (name, after) => this.#queue.addAfter(name, after), this.#metrics)
    this.#silence = new Silence({
      period: this.#period,
      start: clock.monotonic(),
      grace: options.monitorGracePeriod ?? 50_000,
      startupGrace: options.startupGracePeriod ?? 60_000,
      ...(options.heartbeats ? { heartbeats: options.heartbeats } : {}),
    })
  }

  async run(signal: AbortSignal): Promise<void> {
    const { nodes, leases, pods } = this.#sources
    const renewed = (lease: Lease): void => {
      const node = nodes.lister.get(lease.metadata.name)
      if (node !== undefined) this.#hear(node, lease)
    }
    const disconnect = [
      nodes.addHandler({
        added: (node, initial) => {
          // Nobody saw the lease go while the controller was away.
          const { name } = node.metadata
          if (initial && leases.lister.get(name, LEASE_NAMESPACE) === undefined) this.#heartbeats?.lost(name)
          this.#came(node)
        },
        updated: (old, node) => {
          this.#hear(node)
          if (semanticEqual(statesOf(old), statesOf(node))) return
          this.#note(node)
          this.#planCheck()
          this.#queue.add(node.metadata.name)
        },
        deleted: node => this.#went(node),
      }),
      leases.addHandler({
        added: renewed,
        updated: (_, lease) => renewed(lease),
        deleted: ({ metadata }) => {
          this.#silence.loseLease(metadata.name, this.#context.clock.monotonic())
          this.#heartbeats?.lost(metadata.name)
          this.#planCheck()
        },
      }),
      pods.informer.addHandler({
        added: pod => this.#podCame(pod),
        updated: (old, pod) => {
          if (old.spec?.nodeName !== pod.spec?.nodeName) this.#podCame(pod)
        },
      }),
      this.#heartbeats?.onChange(name => {
        this.#silence.changed(name)
        this.#planCheck()
      }),
    ]
    const logger = this.#logger
    await Promise.all([
      runWorkers({ queue: this.#queue, logger, workers: WORKERS, reconcile: name => this.#look(name) }, signal),
      runWorkers(
        { queue: this.#podQueue, logger, workers: POD_WORKERS, reconcile: key => this.#lookAtPod(key) },
        signal,
      ),
    ])
    for (const stop of disconnect) stop?.()
    this.#check?.timer.cancel()
  }

  #came(node: Node): void {
    this.#note(node)
    this.#hear(node)
    this.#tell(node, 'RegisteredNode', `Registered Node ${node.metadata.name} in Controller`)
    this.#queue.add(node.metadata.name)
  }

  #went(node: Node): void {
    const { name } = node.metadata
    this.#silence.forget(name)
    this.#readiness.delete(name)
    this.#written.delete(name)
    this.#zones.remove(name)
    this.#planCheck()
    this.#tell(node, 'RemovingNode', `Removing Node ${name} from Controller`)
  }

  #tell(node: Node, reason: string, text: string): void {
    this.#context.events.event(node, 'Normal', reason, `Node ${node.metadata.name} event: ${text}`)
  }

  /** Who is silent counts as not ready before that is written. */
  #note(node: Node): void {
    this.#zones.note(node, this.#silence.isSilent(node.metadata.name, this.#context.clock.monotonic()))
  }

  #hear(node: Node, lease = this.#sources.leases.lister.get(node.metadata.name, LEASE_NAMESPACE)): void {
    this.#silence.hear(node, lease, this.#context.clock.monotonic())
    this.#planCheck()
  }

  /** Has one timer for the node whose time is up first, and for what follows from changes. */
  #planCheck(): void {
    const { clock } = this.#context
    const silentAt = this.#silence.nextAt() ?? Number.POSITIVE_INFINITY
    const roundAt = this.#zones.needsRound ? this.#silence.roundAt(clock.monotonic()) : Number.POSITIVE_INFINITY
    const at = Math.min(silentAt, roundAt)
    if (at === Number.POSITIVE_INFINITY || (this.#check !== undefined && this.#check.at <= at)) return
    this.#check?.timer.cancel()
    const timer = clock.setTimer(at - clock.monotonic(), () => {
      this.#check = undefined
      const begun = clock.monotonic()
      this.#round(begun)
      this.#metrics?.wentRound(clock.monotonic() - begun)
      this.#planCheck()
    })
    this.#check = { at, timer }
  }

  /** All that have fallen silent are counted before anything follows from it for one of them. */
  #round(now: number): void {
    for (const name of this.#silence.due(now)) {
      const node = this.#sources.nodes.lister.get(name)
      if (node !== undefined) this.#note(node)
      this.#queue.add(name)
    }
    if (!this.#zones.needsRound) return
    const change = this.#zones.round(now)
    if (change === 'entered') this.#logger.info('all nodes are not ready: none is evicted until one is')
    if (change !== 'left') return
    this.#logger.info('some nodes are ready again')
    this.#silence.restart(now)
  }

  async #look(name: string): Promise<ReconcileResult | undefined> {
    const node = this.#sources.nodes.lister.get(name)
    if (node === undefined) return undefined
    // What we wrote last is on its way here, and brings us back.
    if (Number(node.metadata.resourceVersion) < (this.#written.get(name) ?? 0)) return undefined
    this.#note(node)
    this.#planCheck()
    const { clock } = this.#context
    const begun = clock.monotonic()
    try {
      const current = await this.#checkSilence(node)
      await this.#onReadiness(current)
      this.#metrics?.looked(clock.monotonic() - begun)
      return await this.#taint(current)
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined
      // Somebody else was faster: what they wrote is on its way here.
      if (hasReason(error, 'Conflict')) throw error
      this.#logger.warn('could not look after a node', { node: name, error })
      return { requeueAfter: this.#period }
    }
  }

  async #checkSilence(node: Node): Promise<Node> {
    const { name } = node.metadata
    const { clock, client } = this.#context
    if (!this.#silence.isSilent(name, clock.monotonic())) return node
    const conditions = silentConditions(node, clock.now())
    if (!conditions) return node
    const status = { ...node.status, conditions }
    const written = await client.resource(Nodes).updateStatus({ ...node, status })
    this.#wrote(written)
    return written
  }

  #wrote({ metadata: { name, resourceVersion } }: Node): void {
    if (this.#sources.nodes.lister.get(name) !== undefined) this.#written.set(name, Number(resourceVersion))
  }

  async #taint(node: Node): Promise<ReconcileResult | undefined> {
    const { clock } = this.#context
    const current = node.spec?.taints
    const eviction = this.#eviction(node)
    const taints = taintsFor(node, eviction, formatTime(clock.now()))
    if (taints === current || semanticEqual(taints, current)) return undefined
    try {
      this.#wrote(await this.#writeTaints(node, current, taints))
      if (eviction !== undefined && current?.some(isReadinessTaint) !== true) this.#metrics?.evicted(zoneOf(node))
      return undefined
    } catch (error) {
      if (!hasReason(error, 'Conflict') && !hasReason(error, 'Invalid')) throw error
      return { requeueAfter: TAINT_RETRY }
    }
  }

  /** Other parts of a new node change all the time: where it has taints, it is those that must be as they were seen. */
  #writeTaints({ metadata }: Node, current: readonly Taint[] | undefined, taints: readonly Taint[]): Promise<Node> {
    const { name, resourceVersion } = metadata
    const nodes = this.#context.client.resource(Nodes)
    if (current === undefined) return nodes.patch(name, 'merge', { metadata: { resourceVersion }, spec: { taints } })
    const path = '/spec/taints'
    return nodes.patch(name, 'json', [
      { op: 'test', path, value: current },
      { op: 'replace', path, value: taints },
    ])
  }

  /** Which taint, if any, is to drive the node's pods away now. */
  #eviction(node: Node): string | undefined {
    const { name } = node.metadata
    const wanted = noExecuteTaint(node)
    const isMarked = node.spec?.taints?.some(isReadinessTaint) === true
    if (!isMarked) this.#zones.unmarked(name)
    // Changing one reason for the other costs nobody anything; a new eviction waits for its turn.
    if (wanted === undefined || (isMarked && !this.#zones.isPardoned(name))) {
      this.#zones.stay(name)
      return wanted
    }
    return this.#zones.mayEvict(name, this.#context.clock.monotonic()) ? wanted : undefined
  }

  /** Pods of a node that stops being ready are not ready either, whatever they last said. */
  async #onReadiness(node: Node): Promise<void> {
    const { name } = node.metadata
    const status = findCondition(node.status?.conditions, 'Ready')?.status ?? 'Unknown'
    const before = this.#readiness.get(name)
    if (before === status) return
    if (status === 'True' || (before !== undefined && before !== 'True')) {
      this.#readiness.set(name, status)
      return
    }
    if (before === 'True') {
      this.#context.events.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
    }
    for (const pod of this.#sources.pods.of(name)) await this.#markNotReady(pod)
    this.#readiness.set(name, status)
  }

  /** A pod that comes to a node which is not ready: nobody else looks through that node's pods again. */
  #podCame({ metadata: { namespace, name }, spec }: Pod): void {
    if (spec?.nodeName && this.#readinessOf(spec.nodeName)) this.#podQueue.add(`${namespace}/${name}`)
  }

  /** The status of the node's condition, where that is not True. */
  #readinessOf(nodeName: string): string | undefined {
    const status = findCondition(this.#sources.nodes.lister.get(nodeName)?.status?.conditions, 'Ready')?.status
    return status === 'True' ? undefined : status
  }

  async #lookAtPod(key: string): Promise<undefined> {
    const [namespace, name] = key.split('/') as [string, string]
    const pod = this.#sources.pods.informer.lister.get(name, namespace)
    if (pod?.spec?.nodeName && this.#readinessOf(pod.spec.nodeName)) await this.#markNotReady(pod)
  }

  async #markNotReady(pod: Pod): Promise<void> {
    const ready = findCondition(pod.status?.conditions, 'Ready')
    if (ready?.status !== 'True') return
    const { clock, client, events } = this.#context
    const { name, namespace, uid } = pod.metadata
    const changed = { ...ready, status: 'False', lastTransitionTime: formatTime(clock.now()) }
    const conditions = pod.status!.conditions!.map(each => (each === ready ? changed : each))
    events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
    try {
      const patch = { metadata: { uid }, status: { conditions } }
      await client.resource(Pods).patch(name, 'merge', patch, { namespace: namespace!, subresource: 'status' })
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
    }
  }
}

const isReadinessTaint = (taint: { key: string; effect: string }): boolean =>
  taint.effect === 'NoExecute' && /^node\.kubernetes\.io\/(not-ready|unreachable)$/.test(taint.key)
