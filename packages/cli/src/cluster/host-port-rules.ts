import { cidrContains } from '@canopus/network'
import { tryRun } from '@canopus/platform'

/**
 * Removes the host ports of a cluster's pods, which are left where its containers were killed together with what would have removed
 * them. The last cluster also takes the chains, and the tables, that the CNI plugin `portmap` leaves empty after the last pod with a
 * host port, unless somebody's pods still have one (`CNI-DN-*` chains).
 */
export async function removeHostPortRules(clusterCidr: string, isLast: boolean): Promise<void> {
  const saved = await tryRun('iptables-save', ['-t', 'nat']).catch(() => undefined)
  if (saved?.code !== 0) return
  const commands = planHostPortRemoval(saved.stdout, clusterCidr, isLast)
  const input = ['*nat', ...commands, 'COMMIT', ''].join('\n')
  if (commands.length > 0) await tryRun('iptables-restore', ['--noflush'], { input })
  for (const family of isLast ? ['ip', 'ip6'] : []) {
    const listed = await tryRun('nft', ['--json', 'list', 'table', family, 'nat'])
    if (listed.code !== 0) continue
    const removal = planEmptyTableRemoval(family, listed.stdout)
    if (removal !== '') await tryRun('nft', ['-f', '-'], { input: removal })
  }
}

interface NftItem {
  chain?: { name: string; hook?: string; policy?: string }
  [kind: string]: unknown
}

/**
 * The `nft` commands that remove a nat table in which there is nothing but the hooks that iptables makes with it, from what
 * `nft --json list table` prints; none where somebody uses it. A chain that has got a rule since stays, and with it everything.
 */
export function planEmptyTableRemoval(family: string, json: string): string {
  const { nftables } = JSON.parse(json) as { nftables: NftItem[] }
  const items = nftables.filter(each => each.metainfo === undefined && each.table === undefined)
  const idle = items.every(({ chain }) => chain?.hook !== undefined && chain.policy === 'accept')
  if (!idle) return ''
  return [
    ...items.map(each => `delete chain ${family} nat ${each.chain!.name}`),
    `delete table ${family} nat`,
    '',
  ].join('\n')
}

/** The `iptables-restore` lines that take the chains away; none where there are none or they are in use. */
export function planHostPortRemoval(saved: string, clusterCidr: string, isLast: boolean): string[] {
  const lines = saved.split('\n')
  const chains = lines.flatMap(line => /^:(CNI-[A-Z0-9-]+)/i.exec(line)?.[1] ?? [])
  const ofPods = chains.filter(chain => chain.startsWith('CNI-DN-'))
  const gone = ofPods.filter(chain => lines.some(line => leadsInto(line, chain, clusterCidr)))
  const jumpsOfGone = lines.filter(line => gone.some(chain => line.startsWith('-A') && line.endsWith(` -j ${chain}`)))
  const ours = !isLast || ofPods.length > gone.length ? [] : chains.filter(chain => chain.startsWith('CNI-HOSTPORT-'))
  const jumps = lines.filter(line => /^-A (PREROUTING|OUTPUT|POSTROUTING) .*-j CNI-HOSTPORT-/.test(line))
  return [
    ...[...jumpsOfGone, ...(ours.length > 0 ? jumps : [])].map(line => line.replace(/^-A/, '-D')),
    ...[...gone, ...ours].map(chain => `-F ${chain}`),
    ...[...gone, ...ours].map(chain => `-X ${chain}`),
  ]
}

/** Whether a line is a rule of the chain that leads to a pod of the cluster. */
function leadsInto(line: string, chain: string, clusterCidr: string): boolean {
  const target = line.startsWith(`-A ${chain} `) ? /--to-destination ([0-9.]+):/.exec(line)?.[1] : undefined
  return target !== undefined && cidrContains(clusterCidr, target)
}
