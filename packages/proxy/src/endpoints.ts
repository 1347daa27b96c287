import type { Service, ServicePort } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'

/** Where a connection can go. */
export interface Backend {
  ip: string
  port: number
  local: boolean
}

/**
 * The backends of one service port, in a stable order: ready ones, or, where none is ready, those that still serve while they
 * terminate (KEP-1669). Duplicates across slices are dropped.
 */
export function backendsOf(port: ServicePort, slices: readonly EndpointSlice[], nodeName: string): Backend[] {
  const ready = new Map<string, Backend>()
  const terminating = new Map<string, Backend>()
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue
    const target = slice.ports?.find(
      each => (each.name ?? '') === (port.name ?? '') && (each.protocol ?? 'TCP') === protocolOf(port),
    )
    if (target?.port === undefined) continue
    for (const endpoint of slice.endpoints ?? []) {
      const into =
        endpoint.conditions?.ready !== false
          ? ready
          : endpoint.conditions?.serving && endpoint.conditions.terminating
            ? terminating
            : undefined
      const ip = endpoint.addresses?.[0]
      if (!into || ip === undefined) continue
      into.set(`${ip}:${target.port}`, { ip, port: target.port, local: endpoint.nodeName === nodeName })
    }
  }
  const chosen = ready.size > 0 ? ready : terminating
  return [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, backend]) => backend)
}

/** The port's transport protocol. */
export function protocolOf(port: ServicePort): string {
  return port.protocol ?? 'TCP'
}

/** Whether the proxy has anything to do for a service: it has a cluster address. */
export function hasVirtualAddress(service: Service): boolean {
  const address = service.spec.clusterIP
  return service.spec.type !== 'ExternalName' && address !== undefined && address !== '' && address !== 'None'
}
