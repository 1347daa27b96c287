/** Which taints a node's state calls for (kubernetes pkg/util/taints, pkg/controller/nodelifecycle). */

import type { Node, Taint } from '@canopus/api/core/v1'
import { findCondition } from '@canopus/apimachinery'

export const NOT_READY = 'node.kubernetes.io/not-ready'
export const UNREACHABLE = 'node.kubernetes.io/unreachable'
export const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'

/** Conditions that keep new pods away, by the status that does. */
const BY_CONDITION: readonly [condition: string, status: string, taint: string][] = [
  ['Ready', 'False', NOT_READY],
  ['Ready', 'Unknown', UNREACHABLE],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
]
const MANAGED = new Set([...BY_CONDITION.map(([, , taint]) => taint), UNSCHEDULABLE])

/** The NoSchedule taints that the node's conditions call for. */
export function noScheduleTaints(node: Node): Taint[] {
  const taints: Taint[] = []
  for (const [type, status, key] of BY_CONDITION) {
    if (findCondition(node.status?.conditions, type)?.status === status) taints.push({ key, effect: 'NoSchedule' })
  }
  if (node.spec?.unschedulable) taints.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' })
  return taints
}

/** The NoExecute taint that the node's readiness calls for, if any. */
export function noExecuteTaint(node: Node): string | undefined {
  switch (findCondition(node.status?.conditions, 'Ready')?.status) {
    case 'False':
      return NOT_READY
    case 'Unknown':
      return UNREACHABLE
    default:
      return undefined
  }
}

const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect

/**
 * The node's taints brought in line: NoSchedule taints by its conditions, and of the two NoExecute taints at most `evict`.
 * The very list it has where nothing changes. `now` is noted on taints that are new.
 */
export function taintsFor(node: Node, evict: string | undefined, now: string): readonly Taint[] {
  const current = node.spec?.taints ?? []
  const wanted = noScheduleTaints(node)
  if (evict !== undefined) wanted.push({ key: evict, effect: 'NoExecute' })
  const isManaged = (taint: Taint): boolean =>
    (taint.effect === 'NoSchedule' && MANAGED.has(taint.key)) ||
    (taint.effect === 'NoExecute' && (taint.key === NOT_READY || taint.key === UNREACHABLE))
  const kept = current.filter(taint => !isManaged(taint) || wanted.some(each => same(each, taint)))
  const missing = wanted.filter(taint => !current.some(each => same(each, taint)))
  if (missing.length === 0 && kept.length === current.length) return current
  return [...kept, ...missing.map(taint => ({ ...taint, timeAdded: now }))]
}
