/** What a node does about a claim or a volume of its own disk. */

import type { Node, PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { StorageClass } from '@canopus/api/storage/v1'
import type { Draft } from '@canopus/apimachinery'
import {
  BETA_STORAGE_PROVISIONER,
  PROVISIONED_BY,
  PROVISIONER_FINALIZER,
  SELECTED_NODE,
  STORAGE_PROVISIONER,
} from '../annotations.ts'
import { classOfClaim, isDelayed } from '../storage-classes.ts'
import { LOCAL_PROVISIONER } from './names.ts'

const HOSTNAME = 'kubernetes.io/hostname'
/** Bytes of a file name. */
const LONGEST_NAME = 255

export type LocalClaimPlan =
  /** Nothing for this node to do. */
  | { readonly action: 'leave' }
  /** No node has been chosen, and it is not the scheduler's choice: this one may offer itself. */
  | { readonly action: 'offer' }
  | { readonly action: 'refuse'; readonly why: string }
  | { readonly action: 'make' }

export function planLocalClaim(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass | undefined,
  node: Node | undefined,
): LocalClaimPlan {
  const { annotations = {}, deletionTimestamp } = claim.metadata
  const asked = annotations[STORAGE_PROVISIONER] ?? annotations[BETA_STORAGE_PROVISIONER]
  const isOurs = asked === LOCAL_PROVISIONER && storageClass?.provisioner === LOCAL_PROVISIONER
  if (!isOurs || !node || claim.spec.volumeName || deletionTimestamp) return { action: 'leave' }
  const selected = annotations[SELECTED_NODE]
  if (selected === undefined && (isDelayed(storageClass) || !takesVolumes(node, storageClass)))
    return { action: 'leave' }
  if (selected !== undefined && selected !== node.metadata.name) return { action: 'leave' }
  const why = whyNot(claim, storageClass)
  if (why !== undefined) return { action: 'refuse', why }
  return { action: selected === undefined ? 'offer' : 'make' }
}

function whyNot({ spec }: PersistentVolumeClaim, storageClass: StorageClass): string | undefined {
  if (spec.volumeMode === 'Block') return 'a directory is no block device: volumeMode Block is not supported'
  if (spec.selector) return 'claim Selector is not supported'
  if (spec.dataSource ?? spec.dataSourceRef) return 'a data source is not supported'
  if ((storageClass.mountOptions ?? []).length > 0) return 'mount options are not supported'
  return undefined
}

/** Pods could not follow a volume to a node that takes none. */
function takesVolumes({ metadata, spec }: Node, { allowedTopologies = [] }: StorageClass): boolean {
  const closed = (spec?.taints ?? []).some(taint => taint.effect !== 'PreferNoSchedule')
  if (spec?.unschedulable || closed || metadata.deletionTimestamp) return false
  if (allowedTopologies.length === 0) return true
  return allowedTopologies.some(term =>
    (term.matchLabelExpressions ?? []).every(({ key, values }) => values.includes(metadata.labels?.[key] ?? '')),
  )
}

export const volumeNameOf = (claim: PersistentVolumeClaim): string => `pvc-${claim.metadata.uid}`

/** The directory's name tells people whose it is; its beginning alone makes it unique. */
export const directoryNameOf = (claim: PersistentVolumeClaim): string =>
  `${volumeNameOf(claim)}_${claim.metadata.namespace}_${claim.metadata.name}`.slice(0, LONGEST_NAME)

/** The volume that a directory of the node becomes. */
export function localVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node,
  path: string,
): Draft<PersistentVolume> {
  const { name, namespace, uid, resourceVersion } = claim.metadata
  const policy = storageClass.reclaimPolicy ?? 'Delete'
  return {
    metadata: {
      name: volumeNameOf(claim),
      annotations: { [PROVISIONED_BY]: LOCAL_PROVISIONER },
      ...(policy === 'Delete' ? { finalizers: [PROVISIONER_FINALIZER] } : {}),
    },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '0' },
      accessModes: [...(claim.spec.accessModes ?? [])],
      persistentVolumeReclaimPolicy: policy,
      storageClassName: classOfClaim(claim),
      volumeMode: 'Filesystem',
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        name,
        uid,
        ...(namespace === undefined ? {} : { namespace }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      local: { path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: HOSTNAME, operator: 'In', values: [hostnameOf(node)] }] }],
        },
      },
    },
  }
}

const hostnameOf = ({ metadata }: Node): string => metadata.labels?.[HOSTNAME] ?? metadata.name

/** Whether the volume is a directory of this node that was made here. */
export function isOwnVolume(volume: PersistentVolume, node: Node): boolean {
  if (volume.metadata.annotations?.[PROVISIONED_BY] !== LOCAL_PROVISIONER || !volume.spec.local) return false
  const terms = volume.spec.nodeAffinity?.required?.nodeSelectorTerms ?? []
  return terms.some(term =>
    (term.matchExpressions ?? []).some(({ key, values }) => key === HOSTNAME && values?.includes(hostnameOf(node))),
  )
}

/** What becomes of a volume of this node. */
export function planLocalVolume(volume: PersistentVolume): 'remove' | 'protect' | 'let-go' | 'leave' {
  const { finalizers = [], deletionTimestamp } = volume.metadata
  const isProtected = finalizers.includes(PROVISIONER_FINALIZER)
  if (volume.spec.persistentVolumeReclaimPolicy !== 'Delete') return isProtected ? 'let-go' : 'leave'
  if (volume.status?.phase === 'Released' && (isProtected || !deletionTimestamp)) return 'remove'
  return isProtected || deletionTimestamp ? 'leave' : 'protect'
}
