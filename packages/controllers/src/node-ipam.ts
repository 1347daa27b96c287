/** Gives every node a range of the cluster's pod addresses (kubernetes pkg/controller/nodeipam, range allocator). */
import { Nodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'

export interface NodeIpamOptions {
  /** IPv4 range of all pods, for example `10.244.0.0/16`. */
  clusterCidr: string
  /** Prefix length of a node's range. Default 24. */
  nodeMaskSize?: number
}

export function createNodeIpamController(context: ControllerContext, options: NodeIpamOptions): Controller {
  const nodes = context.informers.informer(Nodes)
  // Ranges given out whose nodes the cache does not show with them yet.
  const pending = new Map<string, string>()
  return defineController(context, {
    name: 'node-ipam-controller',
    workers: 1,
    triggers: [primary(Nodes)],
    async reconcile(name) {
      const node = nodes.lister.get(name)
      if (!node || node.spec.podCIDR) {
        pending.delete(name)
        return undefined
      }
      const cidr = pending.get(name) ?? freeRange(options, takenRanges(nodes.lister.list(), pending))
      if (cidr === undefined) {
        context.events.event(
          { apiVersion: 'v1', kind: 'Node', ...node },
          'Normal',
          'CIDRNotAvailable',
          'Node status is now: CIDRNotAvailable',
        )
        throw new Error(`no range left in ${options.clusterCidr} for node ${name}`)
      }
      pending.set(name, cidr)
      await context.client.resource(Nodes).patch(name, 'strategic', { spec: { podCIDR: cidr, podCIDRs: [cidr] } })
      return undefined
    },
  })
}

function takenRanges(nodes: readonly Node[], pending: ReadonlyMap<string, string>): Set<string> {
  return new Set([...nodes.flatMap(node => node.spec.podCIDRs ?? node.spec.podCIDR ?? []), ...pending.values()])
}

/** The lowest range that no node has, or nothing where all are taken. Throws where `clusterCidr` is no IPv4 range. */
export function freeRange(options: NodeIpamOptions, taken: ReadonlySet<string>): string | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(options.clusterCidr)
  if (!match) throw new Error(`${options.clusterCidr} is not an IPv4 range`)
  const mask = options.nodeMaskSize ?? 24
  const base = match.slice(1, 5).reduce((sum, part) => sum * 256 + Number(part), 0)
  const count = 2 ** (mask - Number(match[5]))
  for (let index = 0; index < count; index++) {
    const address = base + index * 2 ** (32 - mask)
    const text = [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')
    if (!taken.has(`${text}/${mask}`)) return `${text}/${mask}`
  }
  return undefined
}
