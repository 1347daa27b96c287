/**
 * Removes pods that nobody will finish: of nodes that are gone, deleted before they were placed, or simply too many that
 * are long over. Behaviour: kubernetes pkg/controller/podgc.
 */

import { Nodes, Pods } from '@canopus/api'
import type { Node, Pod } from '@canopus/api/core/v1'
import { formatTime, hasReason, isConditionTrue, setCondition } from '@canopus/apimachinery'
import { compareText, perRegistry, sleep } from '@canopus/base'
import type { Controller, ControllerContext } from '@canopus/operator'
import { isFinished, observedGeneration } from './common/pods.ts'

export interface PodGcOptions {
  /** How many finished pods may stay. Default 12,500; 0 for all. */
  terminatedPodThreshold?: number
}

const PERIOD_MS = 20_000
/** How long a node must be missing before its pods count as orphaned. */
const QUARANTINE_MS = 40_000
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service'

export interface Doomed {
  pod: Pod
  reason: 'terminated' | 'orphaned' | 'unscheduled' | 'out-of-service'
  /** Told by the condition DisruptionTarget, where the pod's node is gone. */
  disruption?: string
}

export interface PodGcState {
  pods: readonly Pod[]
  nodes: ReadonlyMap<string, Node>
  /** Nodes known to have been missing for long enough. */
  missingNodes: ReadonlySet<string>
  threshold: number
}

/** The pods to remove, each once. */
export function planPodGc({ pods, nodes, missingNodes, threshold }: PodGcState): Doomed[] {
  const doomed = new Map<string, Doomed>()
  const add = (pod: Pod, reason: Doomed['reason'], disruption?: string): void => {
    if (!doomed.has(pod.metadata.uid)) doomed.set(pod.metadata.uid, { pod, reason, ...(disruption && { disruption }) })
  }
  if (threshold > 0) {
    const finished = pods.filter(isFinished).sort(evictedAndOldestFirst)
    for (const pod of finished.slice(0, Math.max(0, finished.length - threshold))) add(pod, 'terminated')
  }
  for (const pod of pods) {
    const { nodeName } = pod.spec ?? {}
    const { deletionTimestamp } = pod.metadata
    if (nodeName && missingNodes.has(nodeName)) add(pod, 'orphaned', 'PodGC: node no longer exists')
    else if (deletionTimestamp && !nodeName) add(pod, 'unscheduled')
    else if (deletionTimestamp && nodeName && isOutOfService(nodes.get(nodeName))) add(pod, 'out-of-service')
  }
  return [...doomed.values()]
}

/** In upstream's order (byEvictionAndCreationTimestamp). */
const evictedAndOldestFirst = (a: Pod, b: Pod): number =>
  Number(isEvicted(b)) - Number(isEvicted(a)) ||
  compareText(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
  compareText(a.metadata.name, b.metadata.name)

const isEvicted = ({ status }: Pod): boolean => status?.phase === 'Failed' && status.reason === 'Evicted'

function isOutOfService(node: Node | undefined): boolean {
  if (!node || isConditionTrue(node.status?.conditions, 'Ready')) return false
  return node.spec?.taints?.some(taint => taint.key === OUT_OF_SERVICE) === true
}

const podGcMetrics = perRegistry(registry => ({
  deletions: registry.counter(
    'pod_gc_collector_force_delete_pods_total',
    '[ALPHA] Number of pods that are being forcefully deleted since the Pod GC Controller started.',
    ['namespace', 'reason'],
  ),
  errors: registry.counter(
    'pod_gc_collector_force_delete_pod_errors_total',
    '[ALPHA] Number of errors encountered when forcefully deleting the pods since the Pod GC Controller started.',
    ['namespace', 'reason'],
  ),
}))

export function createPodGarbageCollector(context: ControllerContext, options: PodGcOptions = {}): Controller {
  const pods = context.informers.informer(Pods)
  const nodes = context.informers.informer(Nodes)
  const logger = context.logger.child({ controller: 'pod-garbage-collector-controller' })
  /** Since when, on the monotonic clock, nodes that pods name have been missing. */
  const missingSince = new Map<string, number>()

  const metrics = context.metrics && podGcMetrics(context.metrics)

  const findMissing = async (): Promise<Set<string>> => {
    const now = context.clock.monotonic()
    const named = new Set(pods.lister.list().map(pod => pod.spec?.nodeName ?? ''))
    for (const name of named) {
      if (name !== '' && !nodes.lister.get(name)) missingSince.set(name, missingSince.get(name) ?? now)
    }
    const missing = new Set<string>()
    for (const [name, since] of missingSince) {
      if (nodes.lister.get(name) || !named.has(name)) missingSince.delete(name)
      else if (now - since >= QUARANTINE_MS && !(await exists(name))) missing.add(name)
    }
    return missing
  }
  const exists = async (name: string): Promise<boolean> => {
    try {
      await context.client.resource(Nodes).get(name)
      return true
    } catch (error) {
      return !hasReason(error, 'NotFound')
    }
  }
  let hasChanged = true
  const change = (): void => {
    hasChanged = true
  }
  const round = async (): Promise<void> => {
    hasChanged = false
    const doomed = planPodGc({
      pods: pods.lister.list(),
      nodes: new Map(nodes.lister.list().map(node => [node.metadata.name, node])),
      missingNodes: await findMissing(),
      threshold: options.terminatedPodThreshold ?? 12_500,
    })
    // Until they are gone or back, time passes for nodes that are missing.
    if (missingSince.size > 0) change()
    for (const each of doomed) {
      const labels = [each.pod.metadata.namespace ?? '', each.reason] as const
      metrics?.deletions.with(...labels).add()
      await remove(context, each).catch(error => {
        metrics?.errors.with(...labels).add()
        logger.warn('could not remove a pod', { error })
        change()
      })
    }
  }
  return {
    name: 'pod-garbage-collector-controller',
    async run(signal) {
      const handler = { added: change, updated: change, deleted: change }
      const disconnect = [pods.addHandler(handler), nodes.addHandler(handler)]
      try {
        await Promise.all([pods.waitForSync(signal), nodes.waitForSync(signal)])
        while (!signal.aborted) {
          // A round over pods and nodes that are as they were would find what the last one found.
          if (hasChanged) await round()
          await sleep(context.clock, PERIOD_MS, signal)
        }
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        for (const stop of disconnect) stop()
      }
    },
  }
}

async function remove({ client, clock }: ControllerContext, { pod, disruption }: Doomed): Promise<void> {
  const { name, namespace, uid } = pod.metadata
  const resource = client.resource(Pods)
  try {
    if (!isFinished(pod)) {
      // Whoever counts pods (jobs) must see how it ended before it is gone.
      const condition = disruption && {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByPodGC',
        message: disruption,
        ...observedGeneration(pod),
      }
      const status = {
        phase: 'Failed',
        ...observedGeneration(pod),
        ...(condition && { conditions: setCondition(pod.status?.conditions, condition, formatTime(clock.now())) }),
      }
      const patch = { metadata: { uid }, status }
      await resource.patch(name, 'merge', patch, { namespace: namespace!, subresource: 'status' })
    }
    const body = { gracePeriodSeconds: 0, preconditions: { uid } }
    await resource.delete(name, { namespace: namespace!, body })
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}
