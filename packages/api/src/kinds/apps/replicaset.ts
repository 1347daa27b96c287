import type { ReplicaSet, ReplicaSetSpec } from '../../generated/apps.v1.ts'
import { ReplicaSets } from '../../resources.ts'
import { defaultPodTemplate } from '../core/pod/defaults.ts'
import { ageColumn, formatLabelSelector, integer, nameColumn, templateColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { templateWarnings } from './template-warnings.ts'
import { validateReplicaSet, validateReplicaSetStatusUpdate, validateReplicaSetUpdate } from './validation.ts'

function defaultReplicaSet(object: ReplicaSet): void {
  object.spec ??= {} as ReplicaSetSpec
  object.spec.replicas ??= 1
  defaultPodTemplate(object.spec.template)
}

export const ReplicaSetKind = defineKind<ReplicaSet>({
  type: ReplicaSets,
  message: 'apps.v1.ReplicaSet',
  storagePrefix: 'replicasets',
  strategy: strategyOf(
    { status: () => ({ replicas: 0 }), generation: true },
    {
      warnings: templateWarnings('spec.template', each => each.spec.template, { namesPods: true }),
      default: defaultReplicaSet,
      validate: validateReplicaSet,
      validateUpdate: validateReplicaSetUpdate,
      validateStatusUpdate: validateReplicaSetStatusUpdate,
    },
  ),
  columns: [
    nameColumn,
    integer('Desired', 'Pods that there should be.', each => each.spec.replicas ?? 0),
    integer('Current', 'Pods that there are.', each => each.status?.replicas ?? 0),
    integer('Ready', 'Pods that are ready.', each => each.status?.readyReplicas ?? 0),
    ageColumn,
    ...templateColumns<ReplicaSet>(
      each => each.spec.template,
      each => formatLabelSelector(each.spec.selector),
    ),
  ],
  selectableFields: { 'status.replicas': each => String(each.status?.replicas ?? 0) },
})
