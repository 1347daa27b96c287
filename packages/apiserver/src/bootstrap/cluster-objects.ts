import { Namespaces, PriorityClasses } from '@canopus/api'
import type { Namespace } from '@canopus/api/core/v1'
import type { PriorityClass } from '@canopus/api/scheduling/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import { ensureObject, reconcileObjects } from './ensure.ts'

/** Namespaces that every cluster has; the first three cannot be deleted. */
export const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const

export async function ensureNamespaces(client: Client): Promise<void> {
  const wanted = SYSTEM_NAMESPACES.map((name): Draft<Namespace> => ({ metadata: { name }, spec: {} }))
  await reconcileObjects(client, Namespaces, wanted, () => ({ kind: 'keep' }))
}

/** The two classes that come with every cluster (pkg/apis/scheduling/v1/helpers.go). */
export const SYSTEM_PRIORITY_CLASSES: readonly Draft<PriorityClass>[] = [
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
]

export async function ensurePriorityClasses(client: Client): Promise<void> {
  for (const wanted of SYSTEM_PRIORITY_CLASSES) await ensureObject(client, PriorityClasses, wanted)
}
