/** Gives every node its ranges of pod addresses (kubernetes pkg/controller/nodeipam, range allocator). */
import { Nodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'
import { CidrMetrics } from './cidr-metrics.ts'
import { CidrSet } from './cidr-set.ts'

export interface NodeIpamOptions {
  /** One range, or one per family. */
  clusterCidrs: readonly string[]
  /** Prefix length of a node's IPv4 range. Default 24. */
  maskSizeIpv4?: number
  /** Prefix length of a node's IPv6 range. Default 64. */
  maskSizeIpv6?: number
}

export function createNodeIpamController(context: ControllerContext, options: NodeIpamOptions): Controller {
  const nodes = context.informers.informer(Nodes)
  const { metrics } = context
  const tell = metrics && ((range: string, count: number) => new CidrMetrics(metrics, range, count))
  const sets = options.clusterCidrs.map(range => {
    const size = range.includes(':') ? (options.maskSizeIpv6 ?? 64) : (options.maskSizeIpv4 ?? 24)
    return new CidrSet(range, size, tell)
  })
  /** What each node holds, so that it can be given back when the node is gone. */
  const held = new Map<string, readonly string[]>()
  const hold = (node: Node): void => {
    const ranges = rangesOf(node)
    if (ranges.length === 0) return
    held.set(node.metadata.name, ranges)
    for (const [index, range] of ranges.entries()) sets[index]?.occupy(range)
  }
  return defineController(context, {
    name: 'node-ipam-controller',
    // One at a time; what is taken already is known before anything is given.
    workers: 1,
    triggers: [
      primary(Nodes, ({ object, deleted }) => {
        if (!deleted) hold(object)
        return true
      }),
    ],
    async reconcile(name) {
      const node = nodes.lister.get(name)
      if (!node) {
        for (const [index, range] of (held.get(name) ?? []).entries()) sets[index]?.release(range)
        held.delete(name)
        return undefined
      }
      if (rangesOf(node).length > 0 || held.has(name)) return undefined
      const ranges = sets.map(set => set.allocate())
      const taken = ranges.filter(range => range !== undefined)
      const giveBack = (): void => {
        for (const [index, range] of ranges.entries()) if (range !== undefined) sets[index]!.release(range)
      }
      if (taken.length < sets.length) {
        giveBack()
        context.events.event(node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`)
        throw new Error(`failed to allocate cidr for node ${name}: no range is left`)
      }
      held.set(name, taken)
      try {
        const patch = { spec: { podCIDR: taken[0], podCIDRs: taken } }
        await context.client.resource(Nodes).patch(name, 'merge', patch)
      } catch (error) {
        giveBack()
        held.delete(name)
        context.events.event(node, 'Normal', 'CIDRAssignmentFailed', `Node ${name} status is now: CIDRAssignmentFailed`)
        throw error
      }
      return undefined
    },
  })
}

function rangesOf({ spec }: Node): readonly string[] {
  if (spec?.podCIDRs && spec.podCIDRs.length > 0) return spec.podCIDRs
  return spec?.podCIDR ? [spec.podCIDR] : []
}
