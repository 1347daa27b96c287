/** Which volumes of CSI drivers have to be attached to a node, and which no longer (kubernetes pkg/controller/volume/attachdetach). */

import type { AttachedVolume, Node, PersistentVolume, Pod } from '@canopus/api/core/v1'
import type { VolumeAttachment } from '@canopus/api/storage/v1'
import { isConditionTrue } from '@canopus/apimachinery'
import { attachmentName, looksLikeOurs } from './attachment-name.ts'

const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service'
/** How long a node that is not healthy may hold on to a volume that nobody wants there. */
export const MAX_WAIT_FOR_UNMOUNT = 6 * 60_000

/** A volume that pods on the node use. */
export interface WantedVolume {
  readonly volume: PersistentVolume
  readonly pods: readonly Pod[]
}

export interface NodeFacts {
  /** Nothing where the node is gone. */
  readonly node: Node | undefined
  readonly wanted: readonly WantedVolume[]
  /** The attachments of the node, those under way too. */
  readonly attachments: readonly VolumeAttachment[]
  /** Attachments of a volume to other nodes. */
  elsewhere(volume: PersistentVolume): readonly VolumeAttachment[]
  /** Whether a driver's volumes are attached at all. */
  needsAttaching(driver: string): boolean
  volume(name: string): PersistentVolume | undefined
  /** For how many milliseconds nobody has wanted what is attached. */
  waited(attachment: VolumeAttachment): number
  /** Whether no node loses a volume only because it has held on to it for too long. */
  readonly disableForceDetachOnTimeout?: boolean
}

export interface Detachment {
  readonly attachment: VolumeAttachment
  /** Why nobody waits for the node to say that it is safe. */
  readonly forced?: 'timeout' | 'out-of-service'
}

export interface NodePlan {
  readonly attach: readonly WantedVolume[]
  readonly detach: readonly Detachment[]
  /** Attachments that nobody wants, and that the node holds on to. */
  readonly waiting: readonly VolumeAttachment[]
  /** Volumes that are at another node, and can be at one only. */
  readonly blocked: readonly WantedVolume[]
  /** What the node is told that it has. */
  readonly attached: readonly AttachedVolume[]
}

/** The name under which node and controller know a volume. */
export const uniqueNameOf = (volume: PersistentVolume): string =>
  `kubernetes.io/csi/${volume.spec.csi?.driver}^${volume.spec.csi?.volumeHandle}`

export function planNode(facts: NodeFacts): NodePlan {
  const { node } = facts
  const attachments = facts.attachments.filter(each => isOurs(facts, each))
  const wanted = facts.wanted.filter(({ volume }) => volume.spec.csi && facts.needsAttaching(volume.spec.csi.driver))
  const known = new Map(attachments.map(each => [each.spec.source.persistentVolumeName, each]))
  const missing = wanted.filter(({ volume }) => !known.has(volume.metadata.name))
  const blocked = missing.filter(({ volume }) => isForOneNode(volume) && facts.elsewhere(volume).length > 0)
  const names = new Set(wanted.map(({ volume }) => volume.metadata.name))
  const unwanted = attachments.filter(({ spec }) => !names.has(spec.source.persistentVolumeName ?? ''))
  const leaving = unwanted.filter(({ metadata }) => !metadata.deletionTimestamp)
  const waiting = leaving.filter(each => !isReleased(facts, each))
  return {
    // Who is gone gets nothing new, also while its pods are not cleaned up.
    attach: node ? missing.filter(each => !blocked.includes(each)) : [],
    detach: leaving
      .filter(each => !waiting.includes(each))
      .map(attachment => ({ attachment, ...reasonOf(facts, attachment) })),
    waiting,
    blocked: node ? blocked : [],
    attached: [
      ...wanted
        .filter(({ volume }) => isAttached(known.get(volume.metadata.name)))
        .map(({ volume }) => ({ name: uniqueNameOf(volume), devicePath: '' })),
      // What the node still has mounted it still has, whether anybody wants it or not, until it is taken from it.
      ...waiting.filter(isAttached).flatMap(each => mountedStill(facts, each)),
    ],
  }
}

/** Upstream deletes attachments by the names that it would give them, so that what others have made under other names stays. */
function isOurs({ volume }: NodeFacts, { metadata, spec }: VolumeAttachment): boolean {
  const csi = volume(spec.source.persistentVolumeName ?? '')?.spec.csi
  return csi
    ? metadata.name === attachmentName(csi.volumeHandle, csi.driver, spec.nodeName)
    : looksLikeOurs(metadata.name)
}

const isAttached = (attachment: VolumeAttachment | undefined): boolean =>
  attachment?.status?.attached === true && !attachment.metadata.deletionTimestamp

function isForOneNode({ spec }: PersistentVolume): boolean {
  const modes = spec.accessModes ?? []
  return modes.length > 0 && !modes.includes('ReadWriteMany') && !modes.includes('ReadOnlyMany')
}

function mountedStill({ node, volume }: NodeFacts, { spec }: VolumeAttachment): AttachedVolume[] {
  const found = volume(spec.source.persistentVolumeName ?? '')
  const name = found && uniqueNameOf(found)
  return name !== undefined && node?.status?.volumesInUse?.includes(name) ? [{ name, devicePath: '' }] : []
}

/** The node has to say that it has unmounted a volume, unless nobody waits for it any longer. Who is gone can say nothing. */
function isReleased(facts: NodeFacts, attachment: VolumeAttachment): boolean {
  const { node } = facts
  if (isOutOfService(node) || (node && mountedStill(facts, attachment).length === 0)) return true
  // What was written for a node that never was, of a volume that nobody knows, is somebody else's.
  if (!node && !facts.volume(attachment.spec.source.persistentVolumeName ?? '')) return false
  return isOverdue(facts, attachment) && !isConditionTrue(node?.status?.conditions, 'Ready')
}

const isOverdue = (facts: NodeFacts, attachment: VolumeAttachment): boolean =>
  !facts.disableForceDetachOnTimeout && facts.waited(attachment) > MAX_WAIT_FOR_UNMOUNT

function reasonOf(facts: NodeFacts, attachment: VolumeAttachment): Pick<Detachment, 'forced'> {
  if (isOverdue(facts, attachment)) return { forced: 'timeout' }
  return isOutOfService(facts.node) ? { forced: 'out-of-service' } : {}
}

/** An administrator says that the node is dead; what the node says of itself does not count. */
const isOutOfService = (node: Node | undefined): boolean =>
  (node?.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE)
