import type { Pod } from '@canopus/api/core/v1'

export interface DnsConfig {
  servers: string[]
  searches: string[]
  options: string[]
}

export interface ClusterDns {
  /** Where the cluster's DNS answers; none where there is no such service. */
  clusterIps: readonly string[]
  /** For example `cluster.local`. */
  domain: string
}

const MAX_SERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARACTERS = 2048

/** The parts of a resolv.conf that count. */
export function parseResolvConf(text: string): DnsConfig {
  const config: DnsConfig = { servers: [], searches: [], options: [] }
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && words[0]) config.servers.push(words[0])
    else if (keyword === 'search') config.searches = words.map(word => (word === '.' ? word : word.replace(/\.$/, '')))
    else if (keyword === 'options') config.options = words
  }
  return config
}

/** What goes into a pod's /etc/resolv.conf (upstream pkg/kubelet/network/dns/dns.go). `host` is the node's own. */
export function podDns(pod: Pod, host: DnsConfig, cluster: ClusterDns): DnsConfig {
  const base = baseDns(pod, host, cluster)
  const extra = pod.spec.dnsConfig
  const searches = unique([...base.searches, ...(extra?.searches ?? [])]).slice(0, MAX_SEARCHES)
  while (searches.join(' ').length > MAX_SEARCH_CHARACTERS) searches.pop()
  return {
    servers: unique([...base.servers, ...(extra?.nameservers ?? [])]).slice(0, MAX_SERVERS),
    searches,
    options: mergeOptions(base.options, extra?.options ?? []),
  }
}

function baseDns(pod: Pod, host: DnsConfig, cluster: ClusterDns): DnsConfig {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  if (policy === 'None') return { servers: [], searches: [], options: [] }
  const first = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec.hostNetwork !== true)
  if (!first || cluster.clusterIps.length === 0)
    return { servers: host.servers.slice(0, MAX_SERVERS), searches: host.searches, options: host.options }
  const namespace = pod.metadata.namespace ?? 'default'
  return {
    servers: [...cluster.clusterIps],
    searches: unique([`${namespace}.svc.${cluster.domain}`, `svc.${cluster.domain}`, cluster.domain, ...host.searches]),
    options: ['ndots:5'],
  }
}

function mergeOptions(base: readonly string[], extra: readonly { name?: string; value?: string }[]): string[] {
  const merged = new Map(base.map(option => [option.split(':')[0]!, option]))
  for (const { name = '', value } of extra)
    merged.set(name, value === undefined || value === '' ? name : `${name}:${value}`)
  return [...merged.values()]
}

const unique = (items: readonly string[]): string[] => [...new Set(items)]
