/**
 * Which pods go first when there are too many: those that serve least. The criteria and their order are upstream's
 * (pkg/controller/controller_utils.go, ActivePodsWithRanks).
 */

import type { Pod } from '@canopus/api/core/v1'
import { findCondition, parseTime } from '@canopus/apimachinery'
import { isReady } from './pods.ts'

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'
const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

/** `pods` in the order in which they should be deleted. `related` are all pods that share the load, for spreading. */
export function rankForDeletion(pods: readonly Pod[], related: readonly Pod[], now: number): Pod[] {
  const onNode = new Map<string, number>()
  for (const pod of related) {
    if (!pod.spec?.nodeName || pod.metadata.deletionTimestamp) continue
    onNode.set(pod.spec.nodeName, (onNode.get(pod.spec.nodeName) ?? 0) + 1)
  }
  const criteria: ((pod: Pod) => number)[] = [
    pod => (pod.spec?.nodeName ? 1 : 0),
    pod => PHASES[pod.status?.phase ?? ''] ?? 0,
    pod => (isReady(pod) ? 1 : 0),
    deletionCost,
    pod => -(onNode.get(pod.spec?.nodeName ?? '') ?? 0),
    pod => (isReady(pod) ? ageRank(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime, now) : 0),
    pod => -restarts(pod),
    pod => ageRank(pod.metadata.creationTimestamp, now),
  ]
  const scored = pods.map(pod => ({ pod, scores: criteria.map(score => score(pod)) }))
  scored.sort((a, b) => {
    for (let i = 0; i < criteria.length; i++) {
      const difference = a.scores[i]! - b.scores[i]!
      if (difference !== 0) return difference
    }
    return a.pod.metadata.uid < b.pod.metadata.uid ? -1 : 1
  })
  return scored.map(({ pod }) => pod)
}

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[DELETION_COST] ?? 0)
  return Number.isInteger(cost) ? cost : 0
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map(status => status.restartCount ?? 0))
}

/** Ages count by order of magnitude, so that among pods of about one age chance decides (KEP-2185). */
function ageRank(since: string | null | undefined, now: number): number {
  const at = parseTime(since ?? '')
  if (at === undefined) return 0
  const seconds = Math.floor((now - at) / 1000)
  return seconds <= 0 ? 0 : Math.floor(Math.log2(seconds)) + 1
}
