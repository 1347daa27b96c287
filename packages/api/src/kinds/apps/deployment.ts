import type { Deployment } from '../../generated/apps.v1.ts'
import { Deployments } from '../../resources.ts'
import { ageColumn, formatLabelSelector, nameColumn, templateColumns, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

export const DeploymentKind = defineKind<Deployment>({
  type: Deployments,
  message: 'apps.v1.Deployment',
  storagePrefix: 'deployments',
  strategy: strategyOf({ status: () => ({}), generation: true }),
  columns: [
    nameColumn,
    text(
      'Ready',
      'Pods that are ready, of those that there should be.',
      each => `${each.status?.readyReplicas ?? 0}/${each.spec.replicas ?? 0}`,
    ),
    text('Up-to-date', 'Pods of the newest template.', each => each.status?.updatedReplicas ?? 0),
    text('Available', 'Pods that have been ready long enough.', each => each.status?.availableReplicas ?? 0),
    ageColumn,
    ...templateColumns<Deployment>(
      each => each.spec.template,
      each => formatLabelSelector(each.spec.selector),
    ),
  ],
})
