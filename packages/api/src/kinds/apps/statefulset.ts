import type { StatefulSet } from '../../generated/apps.v1.ts'
import { StatefulSets } from '../../resources.ts'
import { ageColumn, nameColumn, templateColumns, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

export const StatefulSetKind = defineKind<StatefulSet>({
  type: StatefulSets,
  message: 'apps.v1.StatefulSet',
  storagePrefix: 'statefulsets',
  strategy: strategyOf({ status: () => ({ replicas: 0, availableReplicas: 0 }), generation: true }),
  columns: [
    nameColumn,
    text(
      'Ready',
      'Pods that are ready, of those that there should be.',
      each => `${each.status?.readyReplicas ?? 0}/${each.spec.replicas ?? 0}`,
    ),
    ageColumn,
    ...templateColumns<StatefulSet>(each => each.spec.template),
  ],
})
