import { matches, nodeRequirement } from '@canopus/apimachinery'
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '../../../generated/core.v1.ts'

/** Whether a pod's selector and required affinity allow the node (k8s.io/component-helpers scheduling/corev1/nodeaffinity). */
export function matchesNode(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  if (Object.entries(spec.nodeSelector ?? {}).some(([name, value]) => labels[name] !== value)) return false
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return !required || required.nodeSelectorTerms.some(term => selectsNode(term, labels, node.metadata.name))
}

/** All that one term asks for. A term that asks for nothing selects nothing. */
export function selectsNode(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  labels: Readonly<Record<string, string>>,
  name?: string,
): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false
  const fields: Record<string, string> = name === undefined ? {} : { 'metadata.name': name }
  return holds(matchExpressions, labels) && holds(matchFields, fields)
}

function holds(requirements: readonly NodeSelectorRequirement[], values: Readonly<Record<string, string>>): boolean {
  return requirements.every(({ key, operator, values: wanted = [] }) => {
    const requirement = nodeRequirement(key, operator, wanted)
    return requirement !== undefined && matches([requirement], values)
  })
}
