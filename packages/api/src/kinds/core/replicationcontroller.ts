import type { ReplicationController } from '../../generated/core.v1.ts'
import { ReplicationControllers } from '../../resources.ts'
import { templateWarnings } from '../apps/template-warnings.ts'
import { ageColumn, formatLabels, integer, nameColumn, templateColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultPodTemplate } from './pod/defaults.ts'
import {
  validateReplicationController,
  validateReplicationControllerStatusUpdate,
} from './replicationcontroller-validation.ts'

/** Selector and labels come from the template where they are missing. */
function defaultController(object: ReplicationController): void {
  object.spec ??= {}
  const { spec } = object
  spec.replicas ??= 1
  const labels = spec.template?.metadata?.labels
  if (labels !== undefined && Object.keys(labels).length > 0) {
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels }
    if (Object.keys(object.metadata.labels ?? {}).length === 0) object.metadata.labels = { ...labels }
  }
  defaultPodTemplate(spec.template)
}

export const ReplicationControllerKind = defineKind<ReplicationController>({
  type: ReplicationControllers,
  message: 'core.v1.ReplicationController',
  storagePrefix: 'controllers',
  strategy: strategyOf(
    { status: () => ({ replicas: 0 }), generation: true },
    {
      warnings: templateWarnings('spec.template', each => each.spec.template, { namesPods: true }),
      default: defaultController,
      validate: validateReplicationController,
      validateUpdate: validateReplicationController,
      validateStatusUpdate: validateReplicationControllerStatusUpdate,
      defaultPropagation: 'orphan',
    },
  ),
  columns: [
    nameColumn,
    integer('Desired', 'Pods that there should be.', each => each.spec.replicas ?? 0),
    integer('Current', 'Pods that there are.', each => each.status?.replicas ?? 0),
    integer('Ready', 'Pods that are ready.', each => each.status?.readyReplicas ?? 0),
    ageColumn,
    ...templateColumns<ReplicationController>(
      each => each.spec.template,
      each => formatLabels(each.spec.selector),
    ),
  ],
  selectableFields: { 'status.replicas': each => String(each.status?.replicas ?? 0) },
})
