/**
 * Where a Service can be reached from the API server's own process: at an endpoint of it, since neither cluster DNS nor the
 * services table of a node need to be there (k8s.io/apiserver/pkg/util/proxy/proxy.go, ResolveEndpoint). For webhooks and
 * aggregated API servers.
 */
import { EndpointSlices, Services } from '@canopus/api'
import type { Service, ServicePort } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { notFoundError, serviceUnavailableError } from '@canopus/apimachinery'
import { type Random, randomInt } from '@canopus/base'
import type { ObjectReader } from '../security.ts'

/** An address to open a TCP connection to. */
export interface ServiceAddress {
  readonly host: string
  readonly port: number
}

export interface ServiceResolver {
  /**
   * An address behind the port of a Service, another one each time where there are several. Throws StatusError 404 where there
   * is no such Service, 503 where it has no such port or nobody behind it.
   */
  resolve(namespace: string, name: string, port: number): ServiceAddress
}

/** Resolves by what the caches hold: ready endpoints of the Service's first family first. */
export function createServiceResolver(objects: ObjectReader, random: Random): ServiceResolver {
  return {
    resolve(namespace, name, port) {
      const service = objects.get(Services, name, namespace)
      if (service === undefined) throw notFoundError({ group: '', resource: 'service', name })
      if (service.spec.type === 'ExternalName') return { host: service.spec.externalName ?? '', port }
      const candidates = readyEndpoints(slicesOf(objects, service), portOf(service, port).name ?? '')
      const preferred = candidates.filter(({ family }) => family === service.spec.ipFamilies?.[0])
      const choice = preferred.length > 0 ? preferred : candidates
      if (choice.length === 0) throw noEndpoints(name)
      const { host, port: number } = choice[randomInt(random, choice.length)]!
      return { host, port: number }
    },
  }
}

/**
 * Resolves to the addresses of Services themselves, for machines whose services table leads on from there
 * (k8s.io/apiserver/pkg/util/proxy/proxy.go, ResolveCluster).
 */
export function createAddressResolver(objects: ObjectReader): ServiceResolver {
  return {
    resolve(namespace, name, port) {
      const service = objects.get(Services, name, namespace)
      if (service === undefined) throw notFoundError({ group: '', resource: 'service', name })
      const { type, externalName = '', clusterIP } = service.spec
      if (type === 'ExternalName') return { host: externalName, port }
      if (clusterIP === 'None') throw new Error('cannot route to service with ClusterIP "None"')
      portOf(service, port)
      return { host: clusterIP ?? '', port }
    },
  }
}

export const noEndpoints = (service: string): Error =>
  serviceUnavailableError(`no endpoints available for service ${JSON.stringify(service)}`)

function portOf({ metadata, spec }: Service, port: number): ServicePort {
  const found = spec.ports?.find(each => each.port === port)
  if (found !== undefined) return found
  throw serviceUnavailableError(`no service port ${port} found for service ${JSON.stringify(metadata.name)}`)
}

export function slicesOf(objects: ObjectReader, { metadata }: Service): EndpointSlice[] {
  return objects
    .list(EndpointSlices, metadata.namespace)
    .filter(each => each.metadata.labels?.['kubernetes.io/service-name'] === metadata.name)
}

/** Addresses that are ready to serve a port of a Service, by the port's name. */
export function readyEndpoints(
  slices: readonly EndpointSlice[],
  portName: string,
): (ServiceAddress & { family: string })[] {
  return slices.flatMap(({ addressType, ports, endpoints }) => {
    const port = ports?.find(each => (each.name ?? '') === portName)?.port
    if (port === undefined) return []
    return (endpoints ?? [])
      .filter(each => each.conditions?.ready !== false)
      .flatMap(each => each.addresses.slice(0, 1).map(host => ({ host, port, family: addressType })))
  })
}
