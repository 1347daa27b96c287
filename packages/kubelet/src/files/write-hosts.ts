import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '@canopus/api/core/v1'
import { readTextIfPresent } from '@canopus/platform'
import { podHostname } from './hostname.ts'
import { hostNetworkHostsFile, hostsFile } from './hosts-file.ts'

/** Writes a pod's /etc/hosts into its directory and returns the file's path. */
export function writeManagedHosts(directory: string, pod: Pod, ips: readonly string[], clusterDomain: string): string {
  const path = join(directory, 'etc-hosts')
  const { hostname, domain } = podHostname(pod, clusterDomain)
  const content = pod.spec.hostNetwork
    ? hostNetworkHostsFile(readTextIfPresent('/etc/hosts') ?? '', pod.spec.hostAliases)
    : hostsFile(ips, hostname, domain, pod.spec.hostAliases)
  if (readTextIfPresent(path) === content) return path
  mkdirSync(directory, { recursive: true })
  // in place: a container may have this very file mounted
  writeFileSync(path, content)
  chmodSync(path, 0o644)
  return path
}
