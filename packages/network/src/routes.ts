export interface PeerNode {
  name: string
  address: string
  podCidr: string
}

/**
 * The `ip` commands that bring the routes to other nodes' pods in line (`host-gw`: nodes share a network, so the peer itself is
 * the next hop). `current` maps pod ranges to next hops as last applied.
 */
export function planPeerRoutes(
  current: ReadonlyMap<string, string>,
  peers: readonly PeerNode[],
): { commands: string[]; routes: Map<string, string> } {
  const routes = new Map(peers.map(peer => [peer.podCidr, peer.address]))
  const removed = [...current.keys()].filter(cidr => !routes.has(cidr)).map(cidr => `route del ${cidr}`)
  const changed = [...routes]
    .filter(([cidr, via]) => current.get(cidr) !== via)
    .map(([cidr, via]) => `route replace ${cidr} via ${via}`)
  return { commands: [...removed, ...changed], routes }
}
