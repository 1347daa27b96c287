export interface CniOptions {
  /** The node's pods, for example `10.244.1.0/24`. */
  podCidr: string
  /** Where host-local keeps its leases; on a tmpfs, so that a reboot forgets them with the pods. */
  ipamDirectory: string
  mtu: number
}

/**
 * The CNI configuration of a node: routed veth pairs (`ptp`), so that every packet crosses the forward hook, and `portmap`
 * for host ports. Returns the content of a `.conflist` file.
 */
export function ptpConflist(options: CniOptions): string {
  const ipam = {
    type: 'host-local',
    dataDir: options.ipamDirectory,
    ranges: [[{ subnet: options.podCidr }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  const plugins = [
    { type: 'ptp', ipMasq: false, mtu: options.mtu, ipam },
    { type: 'portmap', capabilities: { portMappings: true } },
  ]
  return `${JSON.stringify({ cniVersion: '1.0.0', name: 'canopus', plugins }, null, 2)}\n`
}
