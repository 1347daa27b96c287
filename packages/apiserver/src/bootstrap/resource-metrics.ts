import { APIServices, ClusterRoles } from '@canopus/api'
import type { APIService } from '@canopus/api/apiregistration/v1'
import type { ClusterRole } from '@canopus/api/rbac/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import { METRICS_GROUP, METRICS_VERSION } from '../resource-metrics/resource-metrics.ts'
import { ensureObject } from './ensure.ts'
import { rule } from './policy-table.ts'

const SERVICE: Draft<APIService> = {
  metadata: { name: `${METRICS_VERSION}.${METRICS_GROUP}` },
  spec: { group: METRICS_GROUP, version: METRICS_VERSION, groupPriorityMinimum: 100, versionPriority: 100 },
}

/** Who may see pods may see what they use: what metrics-server's manifests bring along. */
const READER: Draft<ClusterRole> = {
  metadata: {
    name: 'system:aggregated-metrics-reader',
    labels: Object.fromEntries(
      ['admin', 'edit', 'view'].map(role => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']),
    ),
  },
  rules: [rule('get list watch', METRICS_GROUP, 'pods nodes')],
}

/**
 * Says that metrics.k8s.io is served here. Written only where nothing of that name exists: somebody who brings a server of
 * his own keeps it.
 */
export async function ensureResourceMetrics(client: Client): Promise<void> {
  await Promise.all([ensureObject(client, APIServices, SERVICE), ensureObject(client, ClusterRoles, READER)])
}
