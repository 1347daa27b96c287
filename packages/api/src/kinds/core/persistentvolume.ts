import type { PersistentVolume, PersistentVolumeSpec } from '../../generated/core.v1.ts'
import type { StrategyContext } from '../../kind.ts'
import { PersistentVolumes } from '../../resources.ts'
import { ageColumn, nameColumn, of, text, wide } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { nodeTermWarnings } from '../shared/warnings.ts'
import { defaultRemoteVolume } from './pod/defaults-volume.ts'
import { accessModesText, storageClassOf } from './storage-columns.ts'
import { validateVolume, validateVolumeUpdate } from './volume-validation.ts'

const claimText = ({ spec }: PersistentVolume): string =>
  spec.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : ''

function defaultVolume(volume: PersistentVolume): void {
  volume.spec ??= {}
  const { spec } = volume
  spec.persistentVolumeReclaimPolicy ||= 'Retain'
  spec.volumeMode ??= 'Filesystem'
  if (spec.hostPath) spec.hostPath.type ??= ''
  defaultRemoteVolume(spec)
  volume.status ??= {}
  volume.status.phase ||= 'Pending'
}

const OLD_ANNOTATIONS: readonly (readonly [string, string])[] = [
  ['volume.beta.kubernetes.io/storage-class', 'deprecated since v1.8; use "storageClassName" attribute instead'],
  ['volume.beta.kubernetes.io/mount-options', 'deprecated since v1.31; use "mountOptions" attribute instead'],
]

const OLD_SOURCES: readonly (readonly [keyof PersistentVolumeSpec, string])[] = [
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
]

/** k8s.io/kubernetes/pkg/api/persistentvolume/util.go. */
function warnings({ metadata, spec }: PersistentVolume): string[] {
  const found: string[] = []
  for (const [key, text] of OLD_ANNOTATIONS) {
    if (metadata.annotations?.[key] !== undefined) found.push(`metadata.annotations[${key}]: ${text}`)
  }
  if (spec.persistentVolumeReclaimPolicy === 'Recycle') {
    const advice = 'Instead, the recommended approach is to use dynamic provisioning.'
    found.push(`spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. ${advice}`)
  }
  for (const [index, term] of (spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).entries()) {
    found.push(...nodeTermWarnings(`spec.nodeAffinity.required.nodeSelectorTerms[${index}]`, term, false))
  }
  for (const [source, text] of OLD_SOURCES) {
    if (spec[source]) found.push(`spec.${source === 'storageos' ? 'storageOS' : source}: ${text}`)
  }
  return found
}

/** When the phase last changed, unless the client says so itself (pkg/registry/core/persistentvolume/strategy.go). */
function noteTransition(volume: PersistentVolume, old: PersistentVolume, context?: StrategyContext): void {
  const status = volume.status ?? {}
  volume.status = status
  const said = status.lastPhaseTransitionTime
  const before = old.status?.lastPhaseTransitionTime
  if (status.phase === old.status?.phase) {
    if (said === undefined && before !== undefined) status.lastPhaseTransitionTime = before
  } else if ((said === undefined || said === before) && context !== undefined) {
    status.lastPhaseTransitionTime = context.now
  }
}

export const PersistentVolumeKind = defineKind<PersistentVolume>({
  type: PersistentVolumes,
  message: 'core.v1.PersistentVolume',
  storagePrefix: 'persistentvolumes',
  strategy: strategyOf(
    { status: () => ({ phase: 'Pending' }) },
    {
      validate: validateVolume,
      validateUpdate: validateVolumeUpdate,
      default: defaultVolume,
      warnings,
      prepareForCreate(volume, { now }) {
        volume.status!.lastPhaseTransitionTime = now
      },
      prepareForStatusUpdate: noteTransition,
    },
  ),
  columns: [
    nameColumn,
    text('Capacity', of('core.v1.PersistentVolumeSpec.capacity'), volume => volume.spec.capacity?.storage ?? '0'),
    text('Access Modes', of('core.v1.PersistentVolumeSpec.accessModes'), volume =>
      accessModesText(volume.spec.accessModes),
    ),
    text(
      'Reclaim Policy',
      of('core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy'),
      volume => volume.spec.persistentVolumeReclaimPolicy ?? '',
    ),
    text('Status', of('core.v1.PersistentVolumeStatus.phase'), volume =>
      volume.metadata.deletionTimestamp !== undefined ? 'Terminating' : (volume.status?.phase ?? ''),
    ),
    text('Claim', of('core.v1.PersistentVolumeSpec.claimRef'), claimText),
    text('StorageClass', 'StorageClass of the pv', storageClassOf),
    text(
      'VolumeAttributesClass',
      'VolumeAttributesClass of the pv',
      volume => volume.spec.volumeAttributesClassName ?? '<unset>',
    ),
    text('Reason', of('core.v1.PersistentVolumeStatus.reason'), volume => volume.status?.reason ?? ''),
    ageColumn,
    wide('VolumeMode', of('core.v1.PersistentVolumeSpec.volumeMode'), volume => volume.spec.volumeMode ?? '<unset>'),
  ],
})
