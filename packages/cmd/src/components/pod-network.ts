import { join } from 'node:path'
import { Nodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { type Logger, whenAborted } from '@canopus/base'
import type { ClusterConfig, NodeConfig, NodePaths } from '@canopus/cli'
import type { InformerFactory } from '@canopus/client'
import { ipBatch, type PeerNode, planPeerRoutes, ptpConflist } from '@canopus/network'
import { readTextIfPresent, writeFileAtomic } from '@canopus/platform'

interface PodNetworkContext {
  config: ClusterConfig
  node: NodeConfig
  paths: NodePaths
  logger: Logger
}

/** Bytes of a packet between pods: what fits into every link between nodes. */
const MTU = 1500

/**
 * Gives the runtime its CNI configuration as soon as the node has a range for pods, and keeps routes to the other nodes' pods.
 * Ends with the signal, leaving both: running pods go on.
 */
export async function runPodNetwork(
  context: PodNetworkContext,
  informers: InformerFactory,
  signal: AbortSignal,
): Promise<void> {
  const nodes = informers.informer(Nodes)
  let current: ReadonlyMap<string, string> = new Map()
  let work: Promise<void> = Promise.resolve()
  const update = (): void => {
    work = work.then(async () => {
      try {
        const all = nodes.lister.list()
        writeCniConfiguration(context, all)
        const { commands, routes } = planPeerRoutes(current, peersOf(context, all))
        await ipBatch(commands)
        current = routes
      } catch (error) {
        context.logger.error('the pod network could not be brought up to date', { error })
      }
    })
  }
  await nodes.waitForSync(signal)
  const remove = nodes.addHandler({
    added: update,
    updated: (old, node) => (changed(old, node) ? update() : undefined),
    deleted: update,
  })
  await whenAborted(signal)
  remove()
  await work
}

const addressOf = (node: Node): string | undefined =>
  node.status?.addresses?.find(each => each.type === 'InternalIP')?.address
const changed = (old: Node, node: Node): boolean =>
  old.spec.podCIDR !== node.spec.podCIDR || addressOf(old) !== addressOf(node)

function writeCniConfiguration({ node, paths }: PodNetworkContext, all: readonly Node[]): void {
  const podCidr = all.find(each => each.metadata.name === node.name)?.spec.podCIDR
  if (podCidr === undefined) return
  const path = join(paths.cniDirectory, '10-canopus.conflist')
  const wanted = ptpConflist({ podCidr, ipamDirectory: paths.ipamDirectory, mtu: MTU })
  if (readTextIfPresent(path) !== wanted) writeFileAtomic(path, wanted)
}

function peersOf({ node }: PodNetworkContext, all: readonly Node[]): PeerNode[] {
  return all.flatMap(each => {
    const address = addressOf(each)
    const podCidr = each.spec.podCIDR
    if (each.metadata.name === node.name || address === undefined || podCidr === undefined) return []
    return [{ name: each.metadata.name, address, podCidr }]
  })
}
