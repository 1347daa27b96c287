import { matchesNode, tolerates } from '@canopus/api'
import type { Node, Pod, Taint, Toleration } from '@canopus/api/core/v1'
import { fits } from './fit.ts'
import { hasHostPortConflict } from './host-ports.ts'
import { forbiddenSysctl } from './sysctls.ts'

/** Why a node does not take a pod. */
export interface Rejection {
  reason: string
  message: string
  /** Set where it is for want of a resource: how much of it is missing. */
  missing?: { readonly resource: string; readonly amount: number }
  /** Whether the node's labels or taints are the reason: those may have changed a moment ago. */
  byNode?: boolean
}

const OS_LABEL = 'kubernetes.io/os'

/**
 * Why the node cannot take a pod beside those that it has; nothing where it can. That is for want of resources
 * only where nothing else is in the way (upstream pkg/kubelet/sysctl/allowlist.go, pkg/kubelet/lifecycle/predicate.go).
 */
export function admitPod(pod: Pod, node: Node | undefined, others: readonly Pod[]): Rejection | undefined {
  return admissionFailures(pod, node, others)[0]
}

/** All that keeps the node from taking a pod, in the order in which upstream looks; it names the first. */
export function admissionFailures(pod: Pod, node: Node | undefined, others: readonly Pod[]): Rejection[] {
  const never = judgePod(pod)
  if (never) return [never]
  if (node === undefined) return []
  const strict = pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict'
  if (strict && node.status?.features?.supplementalGroupsPolicy !== true) {
    const message = 'SupplementalGroupsPolicy=Strict is not supported in this node'
    return [{ reason: 'SupplementalGroupsPolicyNotSupported', message }]
  }
  return [...fits(pod, node, others), ...judgePredicates(pod, node, others)]
}

/** What is the same on every node of this kind. */
function judgePod(pod: Pod): Rejection | undefined {
  const forbidden = forbiddenSysctl(pod)
  if (forbidden !== undefined) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${forbidden}` }
  if ((pod.metadata.labels?.[OS_LABEL] ?? 'linux') !== 'linux') {
    const message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
    return { reason: 'PodOSSelectorNodeLabelDoesNotMatch', message }
  }
  if ((pod.spec.os?.name ?? 'linux') !== 'linux')
    return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }
  return undefined
}

/** The scheduler's own conditions, for pods that went past it. */
function judgePredicates(pod: Pod, node: Node, others: readonly Pod[]): Rejection[] {
  const failed = (reason: string, why: string) => ({ reason, message: `Predicate ${reason} failed: ${why}` })
  const failures: Rejection[] = []
  if (!matchesNode(pod.spec, node))
    failures.push({ ...failed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector"), byNode: true })
  if (hasHostPortConflict(pod, others))
    failures.push(failed('NodePorts', "node(s) didn't have free ports for the requested pod ports"))
  if (bothers(node.spec?.taints ?? [], pod.spec.tolerations ?? []))
    failures.push({ ...failed('TaintToleration', 'node(s) had untolerated taint(s)'), byNode: true })
  return failures
}

/** Of taints, a kubelet minds only those that let nothing run. */
function bothers(taints: readonly Taint[], tolerations: readonly Toleration[]): boolean {
  return taints.some(taint => taint.effect === 'NoExecute' && !tolerations.some(each => tolerates(each, taint)))
}
