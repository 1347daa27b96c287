import type { NftTable } from './nft-table.ts'

export interface NodeTableOptions {
  name: string
  /** All pods of the cluster. */
  clusterCidr: string
  serviceCidr: string
  /** The nodes' own network, where this machine carries it. */
  nodeCidr?: string
  /** Interfaces that lead out of the cluster (the machine's uplinks). */
  uplinks: readonly string[]
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
      { name: 'egress', hook: 'type nat hook postrouting priority srcnat + 10; policy accept;', rules: masquerade },
    ],
  }
}
