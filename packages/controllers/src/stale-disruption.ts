/** Pods that were to go for somebody's sake and stay: what says so is taken back (kubernetes pkg/controller/disruption). */

import { Pods } from '@canopus/api'
import type { Pod, PodCondition } from '@canopus/api/core/v1'
import { findCondition, formatTime, parseTime } from '@canopus/apimachinery'
import type { ControllerContext } from '@canopus/operator'
import { isActive, observedGeneration } from './common/pods.ts'

const TYPE = 'DisruptionTarget'
const STALE_AFTER_MS = 120_000

/**
 * Milliseconds until nobody may believe any more that the pod is about to go; nothing where it says no such thing, is going or
 * over, or where the kubelet says so, which may take as long as it likes (nonTerminatingPodHasStaleDisruptionCondition).
 */
export function staleIn(pod: Pod, now: number): number | undefined {
  const condition = findCondition(pod.status?.conditions, TYPE)
  if (!isActive(pod) || condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return undefined
  return Math.max(0, (parseTime(condition.lastTransitionTime ?? '') ?? 0) + STALE_AFTER_MS - now)
}

/** Looks at the pod; answers when to look again. */
export async function takeBackStale({ client, clock }: ControllerContext, pod: Pod): Promise<number | undefined> {
  const now = clock.now()
  const left = staleIn(pod, now)
  if (left !== 0) return left
  const condition: PodCondition = {
    type: TYPE,
    status: 'False',
    lastTransitionTime: formatTime(now),
    ...observedGeneration(pod),
  }
  const conditions = pod.status!.conditions!.map(each => (each.type === TYPE ? condition : each))
  await client.resource(Pods).updateStatus({ ...pod, status: { ...pod.status, conditions } })
  return undefined
}
