/** Owner references that come twice (dedupOwnerReferences in k8s.io/apiserver/pkg/endpoints/handlers/rest.go). */
import { deepEqual, type KubeObject } from '@canopus/apimachinery'

/** Leaves each reference once, in place, and warns of what came more than once; `admitted` says that plugins have had their turn. */
export function dropDuplicateOwners({ metadata }: KubeObject, warnings: string[], admitted: boolean): void {
  const given = metadata.ownerReferences
  if (given === undefined || given.length < 2) return
  const kept: typeof given = []
  const duplicates: string[] = []
  for (const reference of given) {
    if (kept.some(each => deepEqual(each, reference))) duplicates.push(reference.uid)
    else kept.push(reference)
  }
  if (duplicates.length === 0) return
  warnings.push(
    `.metadata.ownerReferences contains duplicate entries${admitted ? ' after mutating admission happens' : ''}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${duplicates.join(', ')}`,
  )
  metadata.ownerReferences = kept
}
