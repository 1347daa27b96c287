import { writeFileSync } from 'node:fs'
import { applyNft, defaultRoute, deleteNftTable, nodeTable, renderTable, writeSysctl } from '@canopus/network'
import { run, tryRun } from '@canopus/platform'
import type { ClusterConfig, NodeConfig } from './config.ts'
import { removeHostPortRules } from './host-port-rules.ts'
import { setKernelParameters } from './kernel-parameters.ts'

/** The machine's address on the cluster's bridge. */
export const gatewayOf = (config: Pick<ClusterConfig, 'nodeCidr'>): string => config.nodeCidr.replace(/\.0\/\d+$/, '.1')

/** Names of the cluster's nft tables; by its slot, which no other cluster on this machine has. */
export const tablesOf = (config: Pick<ClusterConfig, 'slot'>): { node: string; services: string } => ({
  node: `canopus${config.slot}`,
  services: `canopus${config.slot}_services`,
})

/**
 * The machine's part of the cluster network: forwarding, the bridge that carries the nodes' addresses, the guard against leaks.
 */
export async function setUpMachineNetwork(config: ClusterConfig): Promise<void> {
  setKernelParameters()
  if ((await tryRun('ip', ['link', 'show', config.bridge])).code !== 0) {
    const prefix = config.nodeCidr.split('/')[1]
    await run('ip', ['link', 'add', config.bridge, 'type', 'bridge'])
    await run('ip', ['address', 'add', `${gatewayOf(config)}/${prefix}`, 'dev', config.bridge])
    await run('ip', ['link', 'set', config.bridge, 'up'])
    // Frames between nodes are not this machine's packets: its own rules must not see them.
    for (const hook of ['iptables', 'arptables', 'ip6tables'])
      trySet(`/sys/class/net/${config.bridge}/bridge/nf_call_${hook}`, '0')
  }
  writeSysctl(`net.ipv4.conf.${config.bridge}.route_localnet`, '1')
  await applyNft(renderTable(await guardTable(config)))
  // An unprogrammed service address is nobody's: without this it would take the default route.
  await run('ip', ['route', 'replace', config.serviceCidr, 'dev', 'lo', 'src', gatewayOf(config)])
  await run('ip', ['route', 'replace', 'unreachable', config.clusterCidr])
}

async function guardTable(config: ClusterConfig): Promise<ReturnType<typeof nodeTable>> {
  const uplink = await defaultRoute()
  return nodeTable({
    name: tablesOf(config).node,
    clusterCidr: config.clusterCidr,
    serviceCidr: config.serviceCidr,
    nodeCidr: config.nodeCidr,
    uplinks: uplink ? [uplink.interface] : [],
    loopback: { bridge: config.bridge, gateway: gatewayOf(config), ports: loopbackPorts(config) },
    egress: config.egress,
  })
}

/** Ports of mirrors on this machine's loopback, which nodes in namespaces reach through the bridge. */
function loopbackPorts(config: ClusterConfig): number[] {
  const urls = config.mirrors.map(mirror => new URL(mirror.url)).filter(isLoopback)
  return [...new Set(urls.map(url => Number(url.port || (url.protocol === 'https:' ? 443 : 80))))]
}

const isLoopback = (url: URL): boolean => url.hostname === 'localhost' || url.hostname.startsWith('127.')

/** A mirror's address as a node sees it. */
export function mirrorUrlFor(config: ClusterConfig, node: NodeConfig, text: string): string {
  const url = new URL(text)
  if (node.place === 'host' || !isLoopback(url)) return text
  url.hostname = gatewayOf(config)
  return url.href.replace(/\/$/, '')
}

function trySet(path: string, value: string): void {
  try {
    writeFileSync(path, value)
  } catch {
    // a kernel without bridge netfilter has nothing to switch off
  }
}

/**
 * Takes away pods' interfaces and host ports in a new cluster's range: those of a cluster in the same slot that nobody deleted,
 * whose files were removed and whose containers may still run.
 */
export async function removeLeftPods(config: Pick<ClusterConfig, 'clusterCidr'>): Promise<void> {
  const { stdout } = await tryRun('ip', ['-json', 'route', 'show', 'root', config.clusterCidr])
  for (const name of podInterfaces(stdout)) await tryRun('ip', ['link', 'delete', name])
  await removeHostPortRules(config.clusterCidr, false)
}

/** The interfaces that lead to pods on this machine, from what `ip -json route` prints. */
export function podInterfaces(routes: string): string[] {
  const parsed = JSON.parse(routes || '[]') as { dev?: string }[]
  return parsed.flatMap(({ dev }) => (dev?.startsWith('veth') ? [dev] : []))
}

/** Takes away what `setUpMachineNetwork` and the node's components made, but for the kernel parameters. */
export async function removeMachineNetwork(config: ClusterConfig): Promise<void> {
  const tables = tablesOf(config)
  await deleteNftTable('ip', tables.services)
  await deleteNftTable('ip', tables.node)
  await tryRun('ip', ['route', 'del', config.serviceCidr, 'dev', 'lo'])
  await tryRun('ip', ['route', 'del', 'unreachable', config.clusterCidr])
  await tryRun('ip', ['link', 'delete', config.bridge])
}
