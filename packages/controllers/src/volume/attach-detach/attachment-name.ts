import { sha256 } from '@canopus/base'

/** The name of the attachment of a volume to a node, which kubelets compute too (pkg/volume/csi/csi_attacher.go, getAttachmentName). */
export const attachmentName = (volumeHandle: string, driver: string, node: string): string =>
  `csi-${sha256(`${volumeHandle}${driver}${node}`)}`
