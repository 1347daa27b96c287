import { checkDns1123Label, isFeatureOn } from '@canopus/apimachinery'
import type { StatefulSet, StatefulSetSpec } from '../../generated/apps.v1.ts'
import { StatefulSets } from '../../resources.ts'
import { claimSpecWarnings, defaultClaim } from '../core/persistentvolumeclaim.ts'
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
  const { updateStrategy } = spec
  if (!updateStrategy.type) {
    updateStrategy.type = 'RollingUpdate'
    updateStrategy.rollingUpdate ??= {}
  }
  if (updateStrategy.type === 'RollingUpdate' && updateStrategy.rollingUpdate) {
    updateStrategy.rollingUpdate.partition ??= 0
    if (isFeatureOn('MaxUnavailableStatefulSet')) updateStrategy.rollingUpdate.maxUnavailable ??= 1
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {}
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain'
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain'
  for (const claim of spec.volumeClaimTemplates ?? []) {
    if (claim.apiVersion !== 'v1') claim.apiVersion = 'v1'
    if (claim.kind !== 'PersistentVolumeClaim') claim.kind = 'PersistentVolumeClaim'
    defaultClaim(claim)
  }
  defaultPodTemplate(spec.template)
}

const ofTemplate = templateWarnings<StatefulSet>('spec.template', each => each.spec.template)

function warnings(object: StatefulSet, old: StatefulSet | undefined): string[] {
  const { volumeClaimTemplates = [], revisionHistoryLimit = 0 } = object.spec
  const found = ofTemplate(object, old)
  for (const [index, { spec }] of volumeClaimTemplates.entries()) {
    const path = `spec.volumeClaimTemplates[${index}]${old === undefined ? '' : '.Spec'}`
    found.push(...claimSpecWarnings(path, spec))
  }
  if (revisionHistoryLimit < 0) {
    const advice = 'a value >= 0 is recommended'
    found.push(`spec.revisionHistoryLimit: a negative value retains all historical revisions; ${advice}`)
  }
  return found
}

export const StatefulSetKind = defineKind<StatefulSet>({
  type: StatefulSets,
  message: 'apps.v1.StatefulSet',
  storagePrefix: 'statefulsets',
  strategy: strategyOf(
    { status: () => ({ replicas: 0, availableReplicas: 0 }), generation: true },
    {
      warnings,
      validateName: checkDns1123Label,
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
      'Number of the pod with ready state',
      each => `${each.status?.readyReplicas ?? 0}/${each.spec.replicas ?? 0}`,
    ),
    ageColumn,
    ...templateColumns<StatefulSet>(each => each.spec.template),
  ],
})
