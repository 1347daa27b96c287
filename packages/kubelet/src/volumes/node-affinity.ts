import { selectsNode } from '@canopus/api'
import type { PersistentVolume } from '@canopus/api/core/v1'

/** Whether the volume can be reached from a node with these labels (k8s.io/component-helpers storage/volume, CheckNodeAffinity). */
export function isReachable({ spec }: PersistentVolume, labels: Readonly<Record<string, string>>): boolean {
  const required = spec.nodeAffinity?.required
  return !required || required.nodeSelectorTerms.some(term => selectsNode(term, labels))
}
