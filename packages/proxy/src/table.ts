import type { NftChain, NftChange, NftTable } from '@canopus/network/nft-table'
import type { Element, ServicePlan } from './plan.ts'

/** Bit in the connection mark that says "answers must come back through this node". */
const MASQUERADE_MARK = '0x4000'

/**
 * The fixed part of the services table. A packet to a virtual address finds its chain in `svc` (or `np` for node ports); the
 * chain draws an endpoint's index into the packet mark; `lb` rewrites the destination to what `eps` holds under address,
 * protocol, port and index. Chains are shared by all services with the same number of endpoints, because the kernel checks
 * every chain in every transaction while elements cost nothing. `foreignNodes`: ranges of addresses on this machine at which
 * node ports are another cluster's.
 */
export function servicesTable(name: string, clusterCidr: string, foreignNodes: readonly string[] = []): NftTable {
  // addresses of this machine that are no node's of this cluster: other clusters on it serve their node ports there
  const foreign = ['127.0.0.0/8', ...foreignNodes]
  const local = `fib daddr type local ip daddr != ${foreign.length === 1 ? foreign[0] : `{ ${foreign.join(', ')} }`}`
  return {
    family: 'ip',
    name,
    containers: [
      { kind: 'map', name: 'svc', declaration: ['type ipv4_addr . inet_proto . inet_service : verdict'] },
      { kind: 'map', name: 'np', declaration: ['type inet_proto . inet_service : verdict'] },
      { kind: 'map', name: 'noeps', declaration: ['type ipv4_addr . inet_proto . inet_service : verdict'] },
      { kind: 'map', name: 'npnoeps', declaration: ['type inet_proto . inet_service : verdict'] },
      {
        kind: 'map',
        name: 'eps',
        declaration: ['typeof ip daddr . meta l4proto . th dport . meta mark : ip daddr . th dport'],
      },
      { kind: 'map', name: 'npeps', declaration: ['typeof meta l4proto . th dport . meta mark : ip daddr . th dport'] },
      {
        kind: 'map',
        name: 'aff',
        declaration: [
          'typeof ip saddr . ip daddr . meta l4proto . th dport : meta mark',
          'flags dynamic,timeout',
          'timeout 3h',
        ],
      },
      { kind: 'set', name: 'hairpin', declaration: ['type ipv4_addr . ipv4_addr'] },
      { kind: 'set', name: 'guarded', declaration: ['type ipv4_addr . inet_proto . inet_service'] },
      {
        kind: 'set',
        name: 'admitted',
        declaration: ['type ipv4_addr . inet_proto . inet_service . ipv4_addr', 'flags interval'],
      },
    ],
    chains: [
      { name: 'rejects', rules: ['meta l4proto tcp reject with tcp reset', 'reject'] },
      { name: 'mark_masquerade', rules: [`ct mark set ct mark or ${MASQUERADE_MARK}`] },
      {
        name: 'lb',
        rules: [
          `ip saddr != ${clusterCidr} jump mark_masquerade`,
          'meta l4proto { tcp, udp } dnat ip to ip daddr . meta l4proto . th dport . meta mark map @eps',
        ],
      },
      { name: 'lbext', rules: ['jump mark_masquerade', 'goto lb'] },
      {
        name: 'lblocal',
        rules: ['meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport . meta mark map @npeps'],
      },
      { name: 'lbnp', rules: ['jump mark_masquerade', 'goto lblocal'] },
      {
        name: 'services',
        rules: ['ip daddr . meta l4proto . th dport vmap @svc', `${local} meta l4proto . th dport vmap @np`],
      },
      {
        name: 'without_endpoints',
        rules: ['ip daddr . meta l4proto . th dport vmap @noeps', `${local} meta l4proto . th dport vmap @npnoeps`],
      },
      {
        name: 'nat_prerouting',
        hook: 'type nat hook prerouting priority dstnat; policy accept;',
        rules: ['jump services'],
      },
      { name: 'nat_output', hook: 'type nat hook output priority -100; policy accept;', rules: ['jump services'] },
      {
        name: 'nat_postrouting',
        hook: 'type nat hook postrouting priority srcnat; policy accept;',
        rules: [
          'ip saddr . ip daddr @hairpin ct status dnat masquerade fully-random',
          `ct mark and ${MASQUERADE_MARK} != 0 masquerade fully-random`,
        ],
      },
      // Before the destination is rewritten, while the address that was asked for can still be seen.
      {
        name: 'guard',
        rules: ['ip daddr . meta l4proto . th dport . ip saddr != @admitted drop'],
      },
      ...(['prerouting', 'output'] as const).map(hook => ({
        name: `guard_${hook}`,
        hook: `type filter hook ${hook} priority -110; policy accept;`,
        rules: ['ct state new ip daddr . meta l4proto . th dport @guarded jump guard'],
      })),
      ...(['input', 'forward', 'output'] as const).map(hook => ({
        name: `filter_${hook}`,
        hook: `type filter hook ${hook} priority filter - 1; policy accept;`,
        rules: ['ct state new jump without_endpoints'],
      })),
    ],
  }
}

const TARGETS: Readonly<Record<string, string>> = { n: 'lb', m: 'lbext', p: 'lbnp', q: 'lblocal' }

/**
 * A chain shared by all services with so many endpoints, made from its name: kind (`n` cluster address, `m` external address,
 * `p` node port, `q` node port that keeps the client's address), endpoint count, and `s` with seconds for session affinity.
 */
export function sharedChain(name: string): NftChain {
  const match = /^([nmpq])(\d+)(?:s(\d+))?$/.exec(name)
  if (!match) throw new Error(`not a shared chain: ${name}`)
  const target = TARGETS[match[1]!]!
  const draw = match[2] === '1' ? 'meta mark set 0' : `meta mark set numgen random mod ${match[2]}`
  if (match[3] === undefined) return { name, rules: [`${draw} goto ${target}`] }
  const session = 'ip saddr . ip daddr . meta l4proto . th dport'
  return {
    name,
    rules: [
      `meta mark set ${session} map @aff goto ${target}`,
      draw,
      `update @aff { ${session} timeout ${match[3]}s : meta mark }`,
      `goto ${target}`,
    ],
  }
}

/** What the table holds for all services, and the increments from one state to the next. */
export class ServicesState {
  private readonly plans = new Map<string, ServicePlan>()
  private readonly elements = new Map<string, { element: Element; owners: number }>()
  private readonly chains = new Set<string>()

  /** Takes in a service's new plan (or its end) and returns the changes to the table, in a valid order. */
  update(service: string, plan: ServicePlan | undefined): NftChange[] {
    const before = this.plans.get(service)
    if (plan && plan.elements.length > 0) this.plans.set(service, plan)
    else this.plans.delete(service)
    const chains = this.newChains(plan?.chains ?? [])
    const added = (plan?.elements ?? []).flatMap(element => this.retain(element))
    const removed = (before?.elements ?? []).flatMap(element => this.release(element))
    const elements = settle(removed, added)
    const forget: NftChange[] =
      before?.affinity && elements.length > 0 ? [{ op: 'flush-container', kind: 'map', container: 'aff' }] : []
    return [...chains, ...elements, ...forget]
  }

  /** Changes that build everything from the empty table. */
  all(): NftChange[] {
    const chains = [...this.chains].map(name => ({ op: 'set-chain', chain: sharedChain(name) }) as const)
    const elements = [...this.elements.values()].map(({ element }) => addition(element))
    return [...chains, ...elements.sort((a, b) => (a.container < b.container ? -1 : a.container > b.container ? 1 : 0))]
  }

  private newChains(names: readonly string[]): NftChange[] {
    const missing = names.filter(name => !this.chains.has(name))
    for (const name of missing) this.chains.add(name)
    return missing.map(name => ({ op: 'set-chain', chain: sharedChain(name) }))
  }

  private retain(element: Element): Element[] {
    const id = identity(element)
    const held = this.elements.get(id)
    if (held) {
      held.owners++
      return []
    }
    this.elements.set(id, { element, owners: 1 })
    return [element]
  }

  private release(element: Element): Element[] {
    const id = identity(element)
    const held = this.elements.get(id)
    if (!held || --held.owners > 0) return []
    this.elements.delete(id)
    return [element]
  }
}

const identity = (element: Element): string => `${element.container}|${element.key}|${element.value ?? ''}`
const addition = (element: Element): Extract<NftChange, { op: 'add-element' }> => ({
  op: 'add-element',
  container: element.container,
  key: element.key,
  ...(element.value === undefined ? {} : { value: element.value }),
})

/** Deletions first, so that a key whose value changes is free when it is added again; by container, for long runs. */
function settle(removed: readonly Element[], added: readonly Element[]): NftChange[] {
  const byContainer = (a: Element, b: Element): number =>
    a.container < b.container ? -1 : a.container > b.container ? 1 : 0
  return [
    ...removed
      .toSorted(byContainer)
      .map(element => ({ op: 'delete-element', container: element.container, key: element.key }) as const),
    ...added.toSorted(byContainer).map(addition),
  ]
}
