import { isFeatureOn } from '@canopus/apimachinery'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../generated/core.v1.ts'
import { PersistentVolumeClaims } from '../../resources.ts'
import { ageColumn, nameColumn, of, text, wide } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { fractionWarnings } from '../shared/warnings.ts'
import { accessModesText, storageClassOf } from './storage-columns.ts'
import { validateClaim, validateClaimStatusUpdate, validateClaimUpdate } from './volume-validation.ts'

/** What a claim gets, also inside a StatefulSet. */
export function defaultClaim(claim: PersistentVolumeClaim): void {
  claim.metadata ??= {} as PersistentVolumeClaim['metadata']
  claim.spec ??= {} as PersistentVolumeClaimSpec
  claim.spec.volumeMode ??= 'Filesystem'
  claim.spec.resources ??= {}
  claim.status ??= {}
  claim.status.phase ||= 'Pending'
}

const isClaimOrSnapshot = ({ apiGroup, kind }: { apiGroup?: string; kind: string }): boolean =>
  (!apiGroup && kind === 'PersistentVolumeClaim') ||
  (apiGroup === 'snapshot.storage.k8s.io' && kind === 'VolumeSnapshot')

/**
 * Sources in other namespaces need a feature that is off by default, and older clients' sources of a kind that nobody knew then are
 * dropped as they always were (k8s.io/kubernetes/pkg/api/persistentvolumeclaim/util.go).
 */
function settleDataSources(claim: PersistentVolumeClaim, old?: PersistentVolumeClaim): void {
  const { spec } = claim
  const hadSource = old?.spec.dataSource !== undefined || old?.spec.dataSourceRef !== undefined
  const isForeign = spec.dataSourceRef?.namespace && old?.spec.dataSourceRef === undefined
  if (isForeign && !isFeatureOn('CrossNamespaceVolumeDataSource')) delete spec.dataSourceRef
  if (!hadSource && spec.dataSourceRef === undefined && spec.dataSource && !isClaimOrSnapshot(spec.dataSource)) {
    delete spec.dataSource
  }
  pairDataSources(claim)
}

/** `dataSource` and `dataSourceRef` say the same unless the latter names another namespace. */
function pairDataSources({ spec }: PersistentVolumeClaim): void {
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource }
  else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    const { namespace: _namespace, ...source } = spec.dataSourceRef
    spec.dataSource = source
  }
}

/** Warnings about a claim's spec at `path` (k8s.io/kubernetes/pkg/api/persistentvolumeclaim/util.go). */
export const claimSpecWarnings = (path: string, spec: PersistentVolumeClaimSpec | undefined): string[] =>
  (['requests', 'limits'] as const).flatMap(kind =>
    fractionWarnings(`${path}.resources.${kind}`, spec?.resources?.[kind], 'storage'),
  )

const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'

function warnings({ metadata, spec }: PersistentVolumeClaim): string[] {
  const found = claimSpecWarnings('spec', spec)
  if (metadata.annotations?.[OLD_CLASS] === undefined) return found
  const text = 'deprecated since v1.8; use "storageClassName" attribute instead'
  return [`metadata.annotations[${OLD_CLASS}]: ${text}`, ...found]
}

const isBound = (claim: PersistentVolumeClaim): boolean => (claim.spec.volumeName ?? '') !== ''

export const PersistentVolumeClaimKind = defineKind<PersistentVolumeClaim>({
  type: PersistentVolumeClaims,
  message: 'core.v1.PersistentVolumeClaim',
  storagePrefix: 'persistentvolumeclaims',
  strategy: strategyOf(
    { status: () => ({ phase: 'Pending' }) },
    {
      validate: validateClaim,
      validateUpdate: validateClaimUpdate,
      default: defaultClaim,
      completeStored: pairDataSources,
      warnings,
      validateStatusUpdate: validateClaimStatusUpdate,
      prepareForCreate: claim => settleDataSources(claim),
      prepareForUpdate: (claim, old) => settleDataSources(claim, old),
    },
  ),
  columns: [
    nameColumn,
    text('Status', 'phase represents the current phase of PersistentVolumeClaim.', claim =>
      claim.metadata.deletionTimestamp !== undefined ? 'Terminating' : (claim.status?.phase ?? ''),
    ),
    text('Volume', of('core.v1.PersistentVolumeClaimSpec.volumeName'), claim => claim.spec.volumeName ?? ''),
    text('Capacity', of('core.v1.PersistentVolumeClaimStatus.capacity'), claim =>
      isBound(claim) ? (claim.status?.capacity?.storage ?? '0') : '',
    ),
    text('Access Modes', of('core.v1.PersistentVolumeClaimStatus.accessModes'), claim =>
      isBound(claim) ? accessModesText(claim.status?.accessModes) : '',
    ),
    text('StorageClass', 'StorageClass of the pvc', storageClassOf),
    text(
      'VolumeAttributesClass',
      'VolumeAttributesClass of the pvc',
      claim => claim.spec.volumeAttributesClassName ?? '<unset>',
    ),
    ageColumn,
    wide('VolumeMode', of('core.v1.PersistentVolumeClaimSpec.volumeMode'), claim => claim.spec.volumeMode ?? '<unset>'),
  ],
})
