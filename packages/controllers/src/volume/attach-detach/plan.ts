/** Which volumes of CSI drivers have to be attached to a node, and which no longer (kubernetes pkg/controller/volume/attachdetach). */

import type { AttachedVolume, Node, PersistentVolume, Pod } from '@canopus/api/core/v1'
import type { VolumeAttachment } from '@canopus/api/storage/v1'
import { isConditionTrue } from '@canopus/apimachinery'

const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service'

/** A volume that pods on the node use. */
export interface WantedVolume {
  readonly volume: PersistentVolume
  readonly pods: readonly Pod[]
}

export interface NodeFacts {
  readonly node: Node
  readonly wanted: readonly WantedVolume[]
  /** The attachments of the node, those under way too. */
  readonly attachments: readonly VolumeAttachment[]
  /** Attachments of a volume to other nodes. */
  elsewhere(volume: PersistentVolume): readonly VolumeAttachment[]
  /** Whether a driver's volumes are attached at all. */
  needsAttaching(driver: string): boolean
  volume(name: string): PersistentVolume | undefined
}

export interface NodePlan {
  readonly attach: readonly WantedVolume[]
  readonly detach: readonly VolumeAttachment[]
  /** Volumes that are at another node, and can be at one only. */
  readonly blocked: readonly WantedVolume[]
  /** What the node is told that it has. */
  readonly attached: readonly AttachedVolume[]
}

/** The name under which node and controller know a volume. */
export const uniqueNameOf = (volume: PersistentVolume): string =>
  `kubernetes.io/csi/${volume.spec.csi?.driver}^${volume.spec.csi?.volumeHandle}`

export function planNode(facts: NodeFacts): NodePlan {
  const { node, attachments } = facts
  const wanted = facts.wanted.filter(({ volume }) => volume.spec.csi && facts.needsAttaching(volume.spec.csi.driver))
  const known = new Map(attachments.map(each => [each.spec.source.persistentVolumeName, each]))
  const missing = wanted.filter(({ volume }) => !known.has(volume.metadata.name))
  const blocked = missing.filter(({ volume }) => isForOneNode(volume) && facts.elsewhere(volume).length > 0)
  const names = new Set(wanted.map(({ volume }) => volume.metadata.name))
  const unwanted = attachments.filter(({ spec }) => !names.has(spec.source.persistentVolumeName ?? ''))
  return {
    attach: missing.filter(each => !blocked.includes(each)),
    detach: unwanted.filter(each => !each.metadata.deletionTimestamp && isReleased(node, facts, each)),
    blocked,
    attached: [
      ...wanted
        .filter(({ volume }) => isAttached(known.get(volume.metadata.name)))
        .map(({ volume }) => ({ name: uniqueNameOf(volume), devicePath: '' })),
      // What the node still has mounted it still has, whether anybody wants it or not.
      ...unwanted.filter(isAttached).flatMap(each => mountedStill(node, facts, each)),
    ],
  }
}

const isAttached = (attachment: VolumeAttachment | undefined): boolean =>
  attachment?.status?.attached === true && !attachment.metadata.deletionTimestamp

function isForOneNode({ spec }: PersistentVolume): boolean {
  const modes = spec.accessModes ?? []
  return modes.length > 0 && !modes.includes('ReadWriteMany') && !modes.includes('ReadOnlyMany')
}

function mountedStill(node: Node, facts: NodeFacts, attachment: VolumeAttachment): AttachedVolume[] {
  const volume = facts.volume(attachment.spec.source.persistentVolumeName ?? '')
  const name = volume && uniqueNameOf(volume)
  return name !== undefined && node.status?.volumesInUse?.includes(name) ? [{ name, devicePath: '' }] : []
}

/** The node has to say that it has unmounted a volume, unless an administrator says that it is dead. */
const isReleased = (node: Node, facts: NodeFacts, attachment: VolumeAttachment): boolean =>
  isOutOfService(node) || mountedStill(node, facts, attachment).length === 0

export const isOutOfService = ({ spec, status }: Node): boolean =>
  (spec?.taints ?? []).some(taint => taint.key === OUT_OF_SERVICE) && !isConditionTrue(status?.conditions, 'Ready')
