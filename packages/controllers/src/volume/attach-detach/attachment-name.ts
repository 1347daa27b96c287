import { sha256 } from '@canopus/base'

/** The name of the attachment of a volume to a node, which kubelets compute too (pkg/volume/csi/csi_attacher.go, getAttachmentName). */
export const attachmentName = (volumeHandle: string, driver: string, node: string): string =>
  `csi-${sha256(`${volumeHandle}${driver}${node}`)}`

/** Whether a name has the form of those, where nobody knows the volume any more. */
export const looksLikeOurs = (name: string): boolean => /^csi-[0-9a-f]{64}$/.test(name)
