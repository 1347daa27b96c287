import type { HostAlias } from '@canopus/api/core/v1'

const HEADER = '# Kubernetes-managed hosts file.\n'
const HEADER_HOST_NETWORK = '# Kubernetes-managed hosts file (host network).\n'

/** A pod's /etc/hosts (upstream pkg/kubelet/kubelet_pods.go, managedHostsFileContent). */
export function hostsFile(
  ips: readonly string[],
  hostname: string,
  domain: string,
  aliases: readonly HostAlias[] = [],
): string {
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'fe00::\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...ips.map(ip => (domain === '' ? `${ip}\t${hostname}` : `${ip}\t${hostname}.${domain}\t${hostname}`)),
  ]
  return `${HEADER}${lines.join('\n')}\n${aliasLines(aliases)}`
}

/** The node's own /etc/hosts, for pods on its network. */
export function hostNetworkHostsFile(nodeHosts: string, aliases: readonly HostAlias[] = []): string {
  return `${HEADER_HOST_NETWORK}${nodeHosts}${aliasLines(aliases)}`
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return ''
  const lines = aliases.map(alias => `${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`)
  return `\n# Entries added by HostAliases.\n${lines.join('\n')}\n`
}
