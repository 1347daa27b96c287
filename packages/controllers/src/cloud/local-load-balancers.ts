/**
 * Load balancers of a cluster without a cloud: a service is reached at the addresses of the nodes, on its own ports. Nothing has to
 * be made for it, because the service proxy of every node takes what comes to an address that a service's status names.
 */
import { EndpointSlices, Services } from '@canopus/api'
import type { LoadBalancerStatus, Node, Service, ServicePort } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { isConditionTrue } from '@canopus/apimachinery'
import { type ControllerContext, mapped } from '@canopus/operator'
import type { CloudProvider } from './provider.ts'

export interface LocalCloudOptions {
  /** TCP ports of nodes that belong to the cluster itself: no service gets them. Default: 10250, the kubelet's. */
  reservedPorts?: readonly number[]
}

const SERVICE_NAME = 'kubernetes.io/service-name'

export interface LocalBalancerState {
  service: Service
  nodes: readonly Node[]
  /** All services, to find who has which port. */
  services: readonly Service[]
  /** The service's own. */
  slices: readonly EndpointSlice[]
  reservedPorts: readonly number[]
}

/** Where a service is reached. Throws where a port is taken. */
export function planLocalBalancer(state: LocalBalancerState): LoadBalancerStatus {
  const { service, nodes, services, slices, reservedPorts } = state
  const serving = nodesWithEndpoints(slices)
  const addresses = nodes
    .filter(node => isConditionTrue(node.status?.conditions, 'Ready'))
    .filter(node => service.spec.externalTrafficPolicy !== 'Local' || serving.has(node.metadata.name))
    .flatMap(node => addressesOf(node, service))
  const ports = service.spec.ports ?? []
  for (const port of ports) {
    const text = `${port.port}/${port.protocol ?? 'TCP'}`
    if ((port.protocol ?? 'TCP') === 'TCP' && reservedPorts.includes(port.port)) {
      throw new Error(`port ${text} belongs to the nodes themselves`)
    }
    const owner = services.find(each => isOther(each, service) && holds(each, port, addresses))
    if (owner) throw new Error(`port ${text} is taken by service ${owner.metadata.namespace}/${owner.metadata.name}`)
  }
  return { ingress: addresses.sort().map(ip => ({ ip, ipMode: 'VIP' })) }
}

/** The node's addresses in the families of the service. */
function addressesOf(node: Node, { spec }: Service): string[] {
  const families = spec.ipFamilies ?? ['IPv4']
  const own = (node.status?.addresses ?? []).filter(each => each.type === 'InternalIP').map(each => each.address)
  return families.flatMap(family => own.find(ip => ip.includes(':') === (family === 'IPv6')) ?? [])
}

function nodesWithEndpoints(slices: readonly EndpointSlice[]): Set<string> {
  const endpoints = slices.flatMap(slice => slice.endpoints ?? [])
  return new Set(
    endpoints.flatMap(({ nodeName, conditions }) => (nodeName && conditions?.ready !== false ? nodeName : [])),
  )
}

const isOther = (a: Service, b: Service): boolean =>
  a.metadata.uid !== b.metadata.uid && a.spec.type === 'LoadBalancer' && a.metadata.deletionTimestamp === undefined

function holds(service: Service, { port, protocol = 'TCP' }: ServicePort, addresses: readonly string[]): boolean {
  const own = service.status?.loadBalancer?.ingress ?? []
  if (!own.some(({ ip }) => ip !== undefined && addresses.includes(ip))) return false
  return (service.spec.ports ?? []).some(each => each.port === port && (each.protocol ?? 'TCP') === protocol)
}

const keysOf = ({ metadata: { labels, namespace } }: EndpointSlice): string[] =>
  labels?.[SERVICE_NAME] === undefined ? [] : [`${namespace}/${labels[SERVICE_NAME]}`]

/** This machine as a cloud. */
export function createLocalCloud(context: ControllerContext, options: LocalCloudOptions = {}): CloudProvider {
  const { reservedPorts = [10_250] } = options
  const services = context.informers.informer(Services)
  const slices = context.informers.informer(EndpointSlices)
  slices.addIndex(BY_SERVICE, keysOf)
  const plan = (service: Service, nodes: readonly Node[]): LoadBalancerStatus =>
    planLocalBalancer({
      service,
      nodes,
      services: services.lister.list(),
      slices: slices.lister.byIndex(BY_SERVICE, `${service.metadata.namespace}/${service.metadata.name}`),
      reservedPorts,
    })
  return {
    name: 'local',
    loadBalancers: {
      exists: async ({ status }) => (status?.loadBalancer?.ingress ?? []).length > 0,
      ensure: async (service, nodes) => plan(service, nodes),
      update: async (service, nodes) => plan(service, nodes),
      delete: async () => {},
      triggers: [mapped(EndpointSlices, keysOf)],
    },
  }
}

const BY_SERVICE = 'local balancer: service'
