import { checkLongName, checkPathSegmentName } from '@canopus/apimachinery'
import type { ReplicationController } from '../../generated/core.v1.ts'
import { ReplicationControllers } from '../../resources.ts'
import { replicasOf } from '../apps/replicas.ts'
import { formatLabels } from '../shared/columns.ts'
import { defineKind } from '../shared/strategy.ts'
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
  ...replicasOf(
    'core.v1.ReplicationController',
    {
      default: defaultController,
      validate: validateReplicationController,
      validateUpdate: validateReplicationController,
      validateStatusUpdate: validateReplicationControllerStatusUpdate,
      defaultPropagation: 'orphan',
      validateName: checkLongName,
      validateGenerateName: checkPathSegmentName,
    },
    each => formatLabels(each.spec.selector),
  ),
  selectableFields: { 'status.replicas': each => String(each.status?.replicas ?? 0) },
})
