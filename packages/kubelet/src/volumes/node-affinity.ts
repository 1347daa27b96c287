import type { PersistentVolume } from '@canopus/api/core/v1'
import { selects } from '../pods/node-selection.ts'

/** Whether the volume can be reached from a node with these labels (k8s.io/component-helpers storage/volume, CheckNodeAffinity). */
export function isReachable({ spec }: PersistentVolume, labels: Readonly<Record<string, string>>): boolean {
  const required = spec.nodeAffinity?.required
  return !required || required.nodeSelectorTerms.some(term => selects(term, labels))
}
