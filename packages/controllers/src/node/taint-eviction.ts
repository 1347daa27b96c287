/**
 * Removes pods from nodes whose NoExecute taints they do not tolerate, at once or when their patience ends.
 * Behaviour: kubernetes pkg/controller/tainteviction.
 */

import { Nodes, Pods, tolerates } from '@canopus/api'
import type { Pod, PodCondition, Taint } from '@canopus/api/core/v1'
import { formatTime, hasReason, setCondition } from '@canopus/apimachinery'
import { keyOf, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, on, primary } from '@canopus/operator'
import { taintMetrics } from '../common/eviction-metrics.ts'
import { observedGeneration } from '../common/pods.ts'
import { podsByNode } from './lifecycle.ts'

/**
 * When the pod must go, in milliseconds since the epoch; nothing where it may stay. Of a taint the first toleration that fits
 * counts, of all taints the shortest patience. It begins when the pod is first seen with the taint: one that comes to a node that
 * has it already has the same time as others.
 */
export function evictionTime(pod: Pod, taints: readonly Taint[], now: number): number | undefined {
  let patience = Number.POSITIVE_INFINITY
  for (const taint of taints.filter(each => each.effect === 'NoExecute')) {
    const used = pod.spec?.tolerations?.find(toleration => tolerates(toleration, taint))
    if (used === undefined) return now
    patience = Math.min(patience, Math.max(0, used.tolerationSeconds ?? Number.POSITIVE_INFINITY))
  }
  return patience === Number.POSITIVE_INFINITY ? undefined : now + patience * 1000
}

export function createTaintEvictionController(context: ControllerContext): Controller {
  const nodes = context.informers.informer(Nodes)
  const pods = podsByNode(context)
  /** Pods whose removal is set, by uid. */
  const scheduled = new Map<string, number>()
  const metrics = context.metrics && taintMetrics(context.metrics)
  return defineController(context, {
    name: 'taint-eviction-controller',
    triggers: [
      primary(Pods, ({ object, deleted }) => {
        if (deleted) scheduled.delete(object.metadata.uid)
        return !deleted && object.spec?.nodeName !== undefined
      }),
      on(Nodes, ({ object, old, deleted }, enqueue) => {
        if (deleted || (old && JSON.stringify(old.spec?.taints) === JSON.stringify(object.spec?.taints))) return
        for (const pod of pods.of(object.metadata.name)) enqueue(keyOf(pod))
      }),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const pod = pods.informer.lister.get(name, namespace)
      if (!pod?.spec?.nodeName || pod.metadata.deletionTimestamp) return undefined
      const now = context.clock.now()
      const taints = nodes.lister.get(pod.spec.nodeName)?.spec?.taints ?? []
      const { uid } = pod.metadata
      let at = evictionTime(pod, taints, now)
      if (at === undefined) {
        if (scheduled.delete(uid)) {
          context.events.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`)
        }
        return undefined
      }
      // What was set once stays set, however often the pod is looked at.
      at = Math.min(at, scheduled.get(uid) ?? Number.POSITIVE_INFINITY)
      if (at > now) {
        scheduled.set(uid, at)
        return { requeueAfter: at - now }
      }
      scheduled.delete(uid)
      await evict(context, pod, key)
      metrics?.evicted(now - at)
      return undefined
    },
  })
}

async function evict(context: ControllerContext, pod: Pod, key: string): Promise<void> {
  const { name, namespace, uid } = pod.metadata
  const client = context.client.resource(Pods)
  context.events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`)
  try {
    const condition: PodCondition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      ...observedGeneration(pod),
    }
    const conditions = setCondition(pod.status?.conditions, condition, formatTime(context.clock.now()))
    const patch = { metadata: { uid }, status: { conditions } }
    await client.patch(name, 'merge', patch, { namespace: namespace!, subresource: 'status' })
    await client.delete(name, { namespace: namespace!, body: { preconditions: { uid } } })
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}
