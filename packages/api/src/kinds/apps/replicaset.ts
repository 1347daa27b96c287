import type { ReplicaSet, ReplicaSetSpec } from '../../generated/apps.v1.ts'
import { ReplicaSets } from '../../resources.ts'
import { defaultPodTemplate } from '../core/pod/defaults.ts'
import { formatLabelSelector } from '../shared/columns.ts'
import { defineKind } from '../shared/strategy.ts'
import { replicasOf } from './replicas.ts'
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
  ...replicasOf(
    'apps.v1.ReplicaSet',
    {
      default: defaultReplicaSet,
      validate: validateReplicaSet,
      validateUpdate: validateReplicaSetUpdate,
      validateStatusUpdate: validateReplicaSetStatusUpdate,
    },
    each => formatLabelSelector(each.spec.selector),
  ),
})
