import type { Service } from '@canopus/api/core/v1'

/**
 * Variables that tell a pod of the services that exist when it starts, in the style of Docker links (upstream
 * pkg/kubelet/envvars). Of the namespace `default` only `kubernetes` is told to other namespaces, or where links are off.
 */
export function serviceEnvironment(
  services: readonly Service[],
  namespace: string,
  serviceLinks: boolean,
): Map<string, string> {
  const told = new Map<string, Service>()
  for (const service of services) {
    const ip = service.spec?.clusterIP
    if (ip === undefined || ip === '' || ip === 'None') continue
    const { name } = service.metadata
    const isMaster = service.metadata.namespace === 'default' && name === 'kubernetes'
    if (isMaster) {
      if (!told.has(name)) told.set(name, service)
    } else if (service.metadata.namespace === namespace && serviceLinks) told.set(name, service)
  }
  const variables = new Map<string, string>()
  for (const service of [...told.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)))
    addService(variables, service)
  return variables
}

function addService(variables: Map<string, string>, service: Service): void {
  const prefix = service.metadata.name.toUpperCase().replaceAll('-', '_')
  const ip = service.spec!.clusterIP!
  const host = ip.includes(':') ? `[${ip}]` : ip
  const ports = service.spec!.ports ?? []
  variables.set(`${prefix}_SERVICE_HOST`, ip)
  variables.set(`${prefix}_SERVICE_PORT`, String(ports[0]?.port ?? ''))
  for (const port of ports)
    if (port.name)
      variables.set(`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port))
  ports.forEach((port, index) => {
    const protocol = port.protocol ?? 'TCP'
    const link = `${protocol.toLowerCase()}://${host}:${port.port}`
    if (index === 0) variables.set(`${prefix}_PORT`, link)
    const portPrefix = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`
    variables.set(portPrefix, link)
    variables.set(`${portPrefix}_PROTO`, protocol.toLowerCase())
    variables.set(`${portPrefix}_PORT`, String(port.port))
    variables.set(`${portPrefix}_ADDR`, ip)
  })
}
