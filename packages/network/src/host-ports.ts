import { tryRun } from '@canopus/platform'

/** A port of this machine that the CNI plugin `portmap` leads to a pod. */
export interface HostPortOwner {
  /** `tcp`, `udp`, `sctp`. */
  readonly protocol: string
  readonly port: number
  /** The sandbox, as its runtime names it. */
  readonly sandboxId: string
}

/** All host ports of pods in this network namespace, whosever runtime made them; none where there is no iptables. */
export async function hostPortOwners(): Promise<HostPortOwner[]> {
  const saved = await tryRun('iptables-save', ['-t', 'nat']).catch(() => undefined)
  return saved?.code === 0 ? parseHostPorts(saved.stdout) : []
}

/** From what `iptables-save` prints. */
export function parseHostPorts(saved: string): HostPortOwner[] {
  return saved.split('\n').flatMap(line => {
    const protocol = /^-A CNI-HOSTPORT-DNAT .*-p (\w+) /.exec(line)?.[1]
    const sandboxId = /id: \\?"([^"\\]+)/.exec(line)?.[1]
    const ports = /--dports ([\d,]+)/.exec(line)?.[1]
    if (protocol === undefined || sandboxId === undefined || ports === undefined) return []
    return ports.split(',').map(port => ({ protocol, port: Number(port), sandboxId }))
  })
}
