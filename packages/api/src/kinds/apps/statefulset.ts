import type { StatefulSet, StatefulSetSpec } from '../../generated/apps.v1.ts'
import { StatefulSets } from '../../resources.ts'
import { defaultClaim } from '../core/persistentvolumeclaim.ts'
import { defaultPodTemplate } from '../core/pod/defaults.ts'
import { ageColumn, nameColumn, templateColumns, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { templateWarnings } from './template-warnings.ts'
import { validateStatefulSet, validateStatefulSetStatusUpdate, validateStatefulSetUpdate } from './validation.ts'

function defaultStatefulSet(object: StatefulSet): void {
  object.spec ??= {} as StatefulSetSpec
  const { spec } = object
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.podManagementPolicy ||= 'OrderedReady'
  spec.updateStrategy ??= {}
  spec.updateStrategy.type ||= 'RollingUpdate'
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {}
    spec.updateStrategy.rollingUpdate.partition ??= 0
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {}
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain'
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain'
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion = 'v1'
    claim.kind = 'PersistentVolumeClaim'
    defaultClaim(claim)
  }
  defaultPodTemplate(spec.template)
}

export const StatefulSetKind = defineKind<StatefulSet>({
  type: StatefulSets,
  message: 'apps.v1.StatefulSet',
  storagePrefix: 'statefulsets',
  strategy: strategyOf(
    { status: () => ({ replicas: 0, availableReplicas: 0 }), generation: true },
    {
      warnings: templateWarnings('spec.template', each => each.spec.template),
      default: defaultStatefulSet,
      validate: validateStatefulSet,
      validateUpdate: validateStatefulSetUpdate,
      validateStatusUpdate: validateStatefulSetStatusUpdate,
    },
  ),
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
