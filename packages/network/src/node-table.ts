import type { NftChain, NftTable } from './nft-table.ts'

export interface NodeTableOptions {
  name: string
  /** All pods of the cluster. */
  clusterCidr: string
  serviceCidr: string
  /** The nodes' own network, where this machine carries it. */
  nodeCidr?: string
  /** Interfaces that lead out of the cluster (the machine's uplinks). */
  uplinks: readonly string[]
  /**
   * Ports of this machine's loopback that nodes in namespaces of their own reach under the bridge's address, such as a local
   * registry's. The bridge needs the kernel parameter `route_localnet`.
   */
  loopback?: { bridge: string; gateway: string; ports: readonly number[] }
  /** What pods may do outside the cluster: go out under the node's address, or nothing. */
  egress: 'masquerade' | 'none'
}

/**
 * What every node needs besides Services: cluster addresses never leave through an uplink, where a default route would
 * carry unprogrammed Service addresses to strangers, and pods reach the outside under the node's address, if at all.
 */
export function nodeTable(options: NodeTableOptions): NftTable {
  const inside =
    options.nodeCidr === undefined ? options.clusterCidr : `{ ${options.clusterCidr}, ${options.nodeCidr} }`
  const uplinks = options.uplinks.length > 0 ? `{ ${options.uplinks.map(name => `"${name}"`).join(', ')} }` : undefined
  const leaks = uplinks
    ? [
        `oifname ${uplinks} ip daddr { ${options.clusterCidr}, ${options.serviceCidr} } drop`,
        ...(options.egress === 'none' ? [`oifname ${uplinks} ip saddr ${inside} ct state new drop`] : []),
      ]
    : []
  const masquerade =
    options.egress === 'masquerade'
      ? [`ip saddr ${inside} ip daddr != ${inside} fib daddr type != local masquerade fully-random`]
      : []
  return {
    family: 'ip',
    name: options.name,
    containers: [],
    chains: [
      { name: 'leaks_forward', hook: 'type filter hook forward priority filter - 10; policy accept;', rules: leaks },
      {
        name: 'leaks_output',
        hook: 'type filter hook output priority filter - 10; policy accept;',
        rules: leaks.slice(0, 1),
      },
      ...loopbackChains(options.loopback),
      { name: 'egress', hook: 'type nat hook postrouting priority srcnat + 10; policy accept;', rules: masquerade },
    ],
  }
}

function loopbackChains(loopback: NodeTableOptions['loopback']): NftChain[] {
  if (!loopback || loopback.ports.length === 0) return []
  const { bridge, gateway, ports } = loopback
  const rule = `iifname "${bridge}" ip daddr ${gateway} tcp dport { ${ports.join(', ')} } dnat to 127.0.0.1`
  return [{ name: 'loopback', hook: 'type nat hook prerouting priority dstnat - 10; policy accept;', rules: [rule] }]
}
