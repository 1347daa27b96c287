import type { NodeSelectorTerm, PersistentVolume } from '@canopus/api/core/v1'
import { matches, nodeRequirement } from '@canopus/apimachinery'

/** Whether the volume can be reached from a node with these labels (k8s.io/component-helpers storage/volume, CheckNodeAffinity). */
export function isReachable({ spec }: PersistentVolume, labels: Readonly<Record<string, string>>): boolean {
  const required = spec.nodeAffinity?.required
  return !required || required.nodeSelectorTerms.some(term => selects(term, labels))
}

/** A term without expressions selects nothing; volumes have no fields to match. */
function selects({ matchExpressions = [] }: NodeSelectorTerm, labels: Readonly<Record<string, string>>): boolean {
  if (matchExpressions.length === 0) return false
  return matchExpressions.every(({ key, operator, values = [] }) => {
    const requirement = nodeRequirement(key, operator, values)
    return requirement !== undefined && matches([requirement], labels)
  })
}
