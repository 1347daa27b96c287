/** On which nodes a daemon set wants its pods (pkg/controller/daemon/daemon_controller.go, util/daemonset_util.go). */

import { matchesNode, tolerates } from '@canopus/api'
import type { DaemonSet } from '@canopus/api/apps/v1'
import type { Affinity, Node, NodeSelectorTerm, Pod, PodSpec, Toleration } from '@canopus/api/core/v1'
import { NOT_READY, UNREACHABLE, UNSCHEDULABLE } from '../node/taints.ts'

/** Daemons stay on nodes in trouble: that is where they are needed. */
export function daemonTolerations(spec: PodSpec): Toleration[] {
  const always: [string, string][] = [
    [NOT_READY, 'NoExecute'],
    [UNREACHABLE, 'NoExecute'],
    ['node.kubernetes.io/disk-pressure', 'NoSchedule'],
    ['node.kubernetes.io/memory-pressure', 'NoSchedule'],
    ['node.kubernetes.io/pid-pressure', 'NoSchedule'],
    [UNSCHEDULABLE, 'NoSchedule'],
  ]
  if (spec.hostNetwork) always.push(['node.kubernetes.io/network-unavailable', 'NoSchedule'])
  const tolerations = [...(spec.tolerations ?? [])]
  for (const [key, effect] of always) {
    const isThere = tolerations.some(each => each.key === key && each.effect === effect && each.operator === 'Exists')
    if (!isThere) tolerations.push({ key, operator: 'Exists', effect })
  }
  return tolerations
}

/** The affinity that leaves the pod no choice but `node`; the scheduler still checks that it fits. */
export function pinnedTo(affinity: Affinity | undefined, node: string): Affinity {
  const term: NodeSelectorTerm = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    },
  }
}

/** The node on which the pod runs or will run. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec?.nodeName) return pod.spec.nodeName
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  for (const { matchFields } of required?.nodeSelectorTerms ?? []) {
    for (const field of matchFields ?? []) {
      if (field.key === 'metadata.name' && field.operator === 'In' && field.values?.length === 1) return field.values[0]
    }
  }
  return undefined
}

export interface Placement {
  /** A pod should be started here. */
  run: boolean
  /** A pod that is here may stay. */
  stay: boolean
}

export function placementOn(set: DaemonSet, node: Node): Placement {
  const { spec } = set.spec.template
  if (spec.nodeName && spec.nodeName !== node.metadata.name) return { run: false, stay: false }
  if (!matchesNode(spec, node)) return { run: false, stay: false }
  const tolerations = daemonTolerations(spec)
  const bothering = (node.spec?.taints ?? []).filter(
    taint => taint.effect !== 'PreferNoSchedule' && !tolerations.some(toleration => tolerates(toleration, taint)),
  )
  return {
    run: bothering.length === 0,
    stay: bothering.every(taint => taint.effect !== 'NoExecute'),
  }
}
