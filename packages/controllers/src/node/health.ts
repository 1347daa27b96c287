/** What the silence of a node means (kubernetes pkg/controller/nodelifecycle/node_lifecycle_controller.go). */

import type { Node, NodeCondition } from '@canopus/api/core/v1'
import { formatTime } from '@canopus/apimachinery'

const WATCHED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** The conditions of a node that has been silent for too long; nothing where they say so already. */
export function silentConditions(node: Node, now: number): NodeCondition[] | undefined {
  const time = formatTime(now)
  const conditions = [...(node.status?.conditions ?? [])]
  let isChanged = false
  for (const type of WATCHED) {
    const at = conditions.findIndex(each => each.type === type)
    const old = conditions[at]
    if (old?.status === 'Unknown') continue
    isChanged = true
    const unknown: NodeCondition = {
      ...old,
      type,
      status: 'Unknown',
      reason: old ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
      message: old ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
      lastHeartbeatTime: old?.lastHeartbeatTime ?? node.metadata.creationTimestamp,
      lastTransitionTime: time,
    }
    if (at === -1) conditions.push(unknown)
    else conditions[at] = unknown
  }
  return isChanged ? conditions : undefined
}
