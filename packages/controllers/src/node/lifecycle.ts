/**
 * Watches over nodes: taints them by their conditions, declares silent ones unknown, marks their pods not ready.
 * Behaviour: kubernetes pkg/controller/nodelifecycle.
 */

import { Leases, Nodes, Pods } from '@canopus/api'
import type { Node, Pod } from '@canopus/api/core/v1'
import { findCondition, formatTime, hasReason, semanticEqual } from '@canopus/apimachinery'
import { type Logger, sleep } from '@canopus/base'
import type { Informer } from '@canopus/client'
import type { Controller, ControllerContext } from '@canopus/operator'
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
      const lifecycle = new NodeLifecycle(context, options, pods)
      try {
        await Promise.all([nodes, leases, pods.informer].map(informer => informer.waitForSync(signal)))
        let wake = (): void => {}
        const disconnect = nodes.addHandler({
          added: () => wake(),
          updated: (old, node) => {
            // Conditions and cordons show as taints at once, not with the next round.
            const changed = !semanticEqual(statesOf(old), statesOf(node))
            if (changed) wake()
          },
        })
        while (!signal.aborted) {
          const early = new AbortController()
          wake = () => early.abort()
          await lifecycle.round(nodes.lister.list(), name => leases.lister.get(name, LEASE_NAMESPACE))
          await sleep(context.clock, options.monitorPeriod ?? 5_000, AbortSignal.any([signal, early.signal])).catch(
            () => {},
          )
        }
        disconnect()
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}

function statesOf({ spec, status }: Node): unknown {
  return [spec?.unschedulable, spec?.taints, (status?.conditions ?? []).map(each => [each.type, each.status])]
}

class NodeLifecycle {
  readonly #context: ControllerContext
  readonly #options: NodeLifecycleOptions
  readonly #pods: { of(node: string): readonly Pod[] }
  readonly #logger: Logger
  readonly #heartbeats = new Map<string, Heartbeat>()
  readonly #readiness = new Map<string, string>()
  /** As they were last seen, by uid: what came and went is told. */
  #known: ReadonlyMap<string, Node> = new Map()
  /** From when on the next node may be marked for eviction. */
  #nextEvictionAt = 0

  constructor(context: ControllerContext, options: NodeLifecycleOptions, pods: { of(node: string): readonly Pod[] }) {
    this.#context = context
    this.#options = options
    this.#pods = pods
    this.#logger = context.logger.child({ controller: 'node-lifecycle-controller' })
  }

  async round(nodes: readonly Node[], leaseOf: (name: string) => Parameters<typeof heartbeatOf>[1]): Promise<void> {
    this.#tellWhoCameAndWent(nodes)
    const names = new Set(nodes.map(node => node.metadata.name))
    for (const name of this.#heartbeats.keys()) {
      if (names.has(name)) continue
      this.#heartbeats.delete(name)
      this.#readiness.delete(name)
    }
    const notReady = nodes.filter(node => noExecuteTaint(node) !== undefined).length
    const rate = evictionRate(nodes.length, notReady)
    for (const node of nodes) {
      try {
        const current = await this.#checkSilence(node, leaseOf(node.metadata.name))
        await this.#taint(current, rate)
        await this.#onReadiness(current)
      } catch (error) {
        if (!hasReason(error, 'NotFound'))
          this.#logger.warn('could not look after a node', { node: node.metadata.name, error })
      }
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

  async #checkSilence(node: Node, lease: Parameters<typeof heartbeatOf>[1]): Promise<Node> {
    const { name } = node.metadata
    const now = this.#context.clock.monotonic()
    const heartbeat = heartbeatOf(node, lease, this.#heartbeats.get(name), now)
    this.#heartbeats.set(name, heartbeat)
    const hasReported = findCondition(node.status?.conditions, 'Ready') !== undefined
    const grace = hasReported
      ? (this.#options.monitorGracePeriod ?? 50_000)
      : (this.#options.startupGracePeriod ?? 60_000)
    if (now - heartbeat.heardAt <= grace) return node
    const conditions = silentConditions(node, this.#context.clock.now())
    if (!conditions) return node
    const client = this.#context.client.resource(Nodes)
    return client.updateStatus({ ...node, status: { ...node.status, conditions } })
  }

  async #taint(node: Node, rate: number): Promise<void> {
    const { name } = node.metadata
    const { clock, client } = this.#context
    const wanted = noExecuteTaint(node)
    const has = node.spec?.taints?.find(taint => taint.effect === 'NoExecute' && taint.key === wanted) !== undefined
    let evict = wanted
    if (wanted !== undefined && !has) {
      const isSwap = node.spec?.taints?.some(isReadinessTaint) === true
      // Changing one reason for the other costs nobody anything; a new eviction waits for its turn.
      if (!isSwap && (rate === 0 || clock.monotonic() < this.#nextEvictionAt)) evict = undefined
      else if (!isSwap) this.#nextEvictionAt = clock.monotonic() + 1_000 / rate
    }
    const taints = taintsFor(node, evict, formatTime(clock.now()))
    if (taints === (node.spec?.taints ?? []) || semanticEqual(taints, node.spec?.taints)) return
    const { resourceVersion } = node.metadata
    try {
      await client.resource(Nodes).patch(name, 'merge', { metadata: { resourceVersion }, spec: { taints } })
    } catch (error) {
      // The node reports all the time; the next round sees what it is now.
      if (!hasReason(error, 'Conflict')) throw error
    }
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
    for (const pod of this.#pods.of(name)) await this.#markNotReady(pod)
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

const isReadinessTaint = (taint: { key: string; effect: string }): boolean =>
  taint.effect === 'NoExecute' && /^node\.kubernetes\.io\/(not-ready|unreachable)$/.test(taint.key)
