/**
 * Watches over nodes: taints them by their conditions, declares silent ones unknown, marks their pods not ready.
 * Behaviour: kubernetes pkg/controller/nodelifecycle.
 */

import { Leases, Nodes, Pods } from '@canopus/api'
import type { Lease } from '@canopus/api/coordination/v1'
import type { Node, NodeCondition, Pod, Taint } from '@canopus/api/core/v1'
import { findCondition, formatTime, hasReason, semanticEqual } from '@canopus/apimachinery'
import { type Logger, sleep } from '@canopus/base'
import type { Informer } from '@canopus/client'
import { type Controller, type ControllerContext, type ReconcileResult, runWorkers, WorkQueue } from '@canopus/operator'
import { evictionRate, type Heartbeat, heartbeatOf, silentConditions } from './health.ts'
import { noExecuteTaint, taintsFor } from './taints.ts'

export interface NodeLifecycleOptions {
  /** How long a node may be silent, in milliseconds. Default 50,000. */
  monitorGracePeriod?: number
  /** The same for a node that has never reported. Default 60,000. */
  startupGracePeriod?: number
  /** Default 5,000. */
  monitorPeriod?: number
}

const BY_NODE = 'node'
const LEASE_NAMESPACE = 'kube-node-lease'
/** Nodes that are written to side by side (`scheduler.UpdateWorkerSize` upstream). */
const WORKERS = 8
/** Before taints are written again that somebody else has changed, in milliseconds (`UpdateTaintBackoff`). */
const TAINT_RETRY = 100

/** The pods' informer with the index by node. */
export function podsByNode(context: ControllerContext): { informer: Informer<Pod>; of(node: string): readonly Pod[] } {
  const informer = context.informers.informer(Pods)
  informer.addIndex(BY_NODE, pod => (pod.spec?.nodeName ? [pod.spec.nodeName] : []))
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
      const lifecycle = new NodeLifecycle(context, options, { nodes, leases, pods })
      try {
        await Promise.all([nodes, leases, pods.informer].map(informer => informer.waitForSync(signal)))
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      const { queue, logger } = lifecycle
      const disconnect = nodes.addHandler({
        // Conditions and cordons show as taints at once, not with the next round.
        added: (node, initial) => {
          lifecycle.see(node)
          if (!initial) queue.add(node.metadata.name)
        },
        updated: (old, node) => {
          if (semanticEqual(statesOf(old), statesOf(node))) return
          lifecycle.see(node)
          queue.add(node.metadata.name)
        },
        deleted: node => lifecycle.forget(node),
      })
      const workers = runWorkers(
        { queue, logger, workers: WORKERS, reconcile: name => lifecycle.lookAfter(name) },
        signal,
      )
      while (!signal.aborted) {
        lifecycle.round()
        await sleep(context.clock, options.monitorPeriod ?? 5_000, signal).catch(() => {})
      }
      disconnect()
      await workers
    },
  }
}

function statesOf({ spec, status }: Node): unknown {
  return [spec?.unschedulable, spec?.taints, (status?.conditions ?? []).map(each => [each.type, each.status])]
}

interface Views {
  readonly nodes: Informer<Node>
  readonly leases: Informer<Lease>
  readonly pods: { of(node: string): readonly Pod[] }
}

class NodeLifecycle {
  /** Names of nodes that something may have to be written to. */
  readonly queue: WorkQueue
  readonly logger: Logger
  readonly #context: ControllerContext
  readonly #options: NodeLifecycleOptions
  readonly #views: Views
  readonly #heartbeats = new Map<string, Heartbeat>()
  readonly #readiness = new Map<string, string>()
  /** As they were last seen, by uid: what came and went is told. */
  #known: ReadonlyMap<string, Node> = new Map()
  readonly #all = new Set<string>()
  readonly #notReady = new Set<string>()
  /** From when on the next node may be marked for eviction. */
  #nextEvictionAt = 0

  constructor(context: ControllerContext, options: NodeLifecycleOptions, views: Views) {
    this.#context = context
    this.#options = options
    this.#views = views
    this.logger = context.logger.child({ controller: 'node-lifecycle-controller' })
    this.queue = new WorkQueue({ clock: context.clock })
  }

  /** Counts a node by its state. */
  see(node: Node): void {
    const { name } = node.metadata
    this.#all.add(name)
    if (noExecuteTaint(node) === undefined) this.#notReady.delete(name)
    else this.#notReady.add(name)
  }

  forget({ metadata: { name } }: Node): void {
    this.#all.delete(name)
    this.#notReady.delete(name)
    this.#heartbeats.delete(name)
    this.#readiness.delete(name)
  }

  /** Looks at all nodes, and leaves those that need something to the workers. */
  round(): void {
    const nodes = this.#views.nodes.lister.list()
    this.#tellWhoCameAndWent(nodes)
    for (const node of nodes) {
      const { name } = node.metadata
      const isSilent = this.#silence(node) !== undefined
      if (isSilent || this.#readiness.get(name) !== readinessOf(node) || needsTaints(node)) this.queue.add(name)
    }
  }

  /** Writes what a node's state calls for; one at a time for each node. */
  async lookAfter(name: string): Promise<ReconcileResult | undefined> {
    const node = this.#views.nodes.lister.get(name)
    if (node === undefined) return undefined
    try {
      const current = await this.#markSilent(node)
      await this.#onReadiness(current)
      return await this.#taint(current)
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
      return undefined
    }
  }

  #tellWhoCameAndWent(nodes: readonly Node[]): void {
    const known = this.#known
    this.#known = new Map(nodes.map(node => [node.metadata.uid, node]))
    const tell = (node: Node, reason: string, text: string): void =>
      this.#context.events.event(node, 'Normal', reason, `Node ${node.metadata.name} event: ${text}`)
    for (const node of nodes) {
      if (known.has(node.metadata.uid)) continue
      tell(node, 'RegisteredNode', `Registered Node ${node.metadata.name} in Controller`)
    }
    for (const [uid, node] of known) {
      if (!this.#known.has(uid)) tell(node, 'RemovingNode', `Removing Node ${node.metadata.name} from Controller`)
    }
  }

  /** The conditions of a node that has been silent for too long; nothing where it has not, or they say so. */
  #silence(node: Node): NodeCondition[] | undefined {
    const { name } = node.metadata
    const { clock } = this.#context
    const now = clock.monotonic()
    const lease = this.#views.leases.lister.get(name, LEASE_NAMESPACE)
    const heartbeat = heartbeatOf(node, lease, this.#heartbeats.get(name), now)
    this.#heartbeats.set(name, heartbeat)
    const hasReported = findCondition(node.status?.conditions, 'Ready') !== undefined
    const grace = hasReported
      ? (this.#options.monitorGracePeriod ?? 50_000)
      : (this.#options.startupGracePeriod ?? 60_000)
    return now - heartbeat.heardAt <= grace ? undefined : silentConditions(node, clock.now())
  }

  async #markSilent(node: Node): Promise<Node> {
    const conditions = this.#silence(node)
    if (conditions === undefined) return node
    const client = this.#context.client.resource(Nodes)
    return client.updateStatus({ ...node, status: { ...node.status, conditions } })
  }

  async #taint(node: Node): Promise<ReconcileResult | undefined> {
    const { clock } = this.#context
    const current = node.spec?.taints
    const taints = taintsFor(node, this.#eviction(node), formatTime(clock.now()))
    if (taints === current || semanticEqual(taints, current)) return undefined
    try {
      await this.#writeTaints(node, current, taints)
      return undefined
    } catch (error) {
      if (!hasReason(error, 'Conflict') && !hasReason(error, 'Invalid')) throw error
      return { requeueAfter: TAINT_RETRY }
    }
  }

  /** Other parts of a new node change all the time: where it has taints, it is those that must be as they were seen. */
  async #writeTaints(
    { metadata }: Node,
    current: readonly Taint[] | undefined,
    taints: readonly Taint[],
  ): Promise<void> {
    const { name, resourceVersion } = metadata
    const nodes = this.#context.client.resource(Nodes)
    if (current === undefined) {
      await nodes.patch(name, 'merge', { metadata: { resourceVersion }, spec: { taints } })
      return
    }
    const path = '/spec/taints'
    await nodes.patch(name, 'json', [
      { op: 'test', path, value: current },
      { op: 'replace', path, value: taints },
    ])
  }

  /** Which taint, if any, is to drive the node's pods away now. */
  #eviction(node: Node): string | undefined {
    const wanted = noExecuteTaint(node)
    if (wanted === undefined) return undefined
    const taints = node.spec?.taints ?? []
    // Changing one reason for the other costs nobody anything; a new eviction waits for its turn.
    if (taints.some(isReadinessTaint)) return wanted
    const rate = evictionRate(this.#all.size, this.#notReady.size)
    const now = this.#context.clock.monotonic()
    if (rate === 0 || now < this.#nextEvictionAt) return undefined
    this.#nextEvictionAt = now + 1_000 / rate
    return wanted
  }

  /** Pods of a node that stops being ready are not ready either, whatever they last said. */
  async #onReadiness(node: Node): Promise<void> {
    const { name } = node.metadata
    const status = readinessOf(node)
    const before = this.#readiness.get(name)
    if (before === status) return
    if (status === 'True' || (before !== undefined && before !== 'True')) {
      this.#readiness.set(name, status)
      return
    }
    if (before === 'True') {
      this.#context.events.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
    }
    for (const pod of this.#views.pods.of(name)) await this.#markNotReady(pod)
    this.#readiness.set(name, status)
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

const readinessOf = (node: Node): string => findCondition(node.status?.conditions, 'Ready')?.status ?? 'Unknown'

/** Whether the node's taints are not what its conditions call for; one may still have to wait for its turn. */
function needsTaints(node: Node): boolean {
  const current = node.spec?.taints
  const wanted = taintsFor(node, noExecuteTaint(node), '')
  return wanted !== current && (current !== undefined || wanted.length > 0)
}

const isReadinessTaint = (taint: { key: string; effect: string }): boolean =>
  taint.effect === 'NoExecute' && /^node\.kubernetes\.io\/(not-ready|unreachable)$/.test(taint.key)
