import { CSINodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { hasReason } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'

/**
 * Says that the node has no CSI drivers: schedulers and attachers ask this object, and wait where there is none (upstream
 * pkg/volume/csi/nodeinfomanager). It goes with the node.
 */
export async function ensureCsiNode(client: Client, { metadata }: Node): Promise<void> {
  const nodes = client.resource(CSINodes)
  try {
    await nodes.create({
      metadata: {
        name: metadata.name,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: metadata.name, uid: metadata.uid }],
      },
      spec: { drivers: [] },
    })
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error
  }
}
