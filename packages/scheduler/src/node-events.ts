import type { Node } from '@canopus/api/core/v1'
import { deepEqual } from '@canopus/apimachinery'
import type { ClusterEvent } from './framework.ts'

/** What changed on a node that could make room for a pod. Heartbeats change nothing of that. */
export function nodeChanges(old: Node, node: Node): ClusterEvent[] {
  const events: ClusterEvent[] = []
  if (!deepEqual(old.status?.allocatable, node.status?.allocatable)) events.push('NodeAllocatable')
  if (!deepEqual(old.metadata.labels, node.metadata.labels)) events.push('NodeLabel')
  const untainted = deepEqual(old.spec?.taints, node.spec?.taints)
  if (!untainted || old.spec?.unschedulable !== node.spec?.unschedulable) events.push('NodeTaint')
  if (!deepEqual(conditionsOf(old), conditionsOf(node))) events.push('NodeCondition')
  if (!deepEqual(old.status?.declaredFeatures, node.status?.declaredFeatures)) events.push('NodeFeatures')
  return events
}

const conditionsOf = (node: Node): Record<string, string> =>
  Object.fromEntries((node.status?.conditions ?? []).map(each => [each.type, each.status]))

/** Whether the node is the same for scheduling, so that nothing worked out for it is void. */
export function sameForScheduling(old: Node, node: Node): boolean {
  return nodeChanges(old, node).length === 0 && deepEqual(old.status?.images, node.status?.images)
}
