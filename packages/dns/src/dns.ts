import { EndpointSlices, Namespaces, Services } from '@canopus/api'
import type { Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import type { Clock, Logger } from '@canopus/base'
import type { InformerFactory } from '@canopus/client'
import type { Controller } from '@canopus/operator'
import type { ClusterView } from './records.ts'
import { type Forwarder, startDnsServer } from './server.ts'

export interface DnsOptions {
  informers: InformerFactory
  clock: Clock
  logger: Logger
  domain: string
  address: string
  port: number
  forward?: Forwarder
}

const SERVICE_NAME = 'kubernetes.io/service-name'

/** Serves cluster DNS from Services and EndpointSlices until the signal aborts; answers only once they have been listed. */
export function createDns(options: DnsOptions): Controller {
  const { view, waitForSync } = clusterView(options.informers)
  return {
    name: 'dns',
    async run(signal) {
      await waitForSync(signal)
      const server = await startDnsServer({ ...options, view })
      options.logger.info('dns is answering', { address: options.address, port: options.port, domain: options.domain })
      await new Promise<void>(resolve => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      })
      await server.stop()
    },
  }
}

const addressesOf = ({ spec }: Service): string[] => spec.clusterIPs ?? []
const serviceOf = ({ metadata }: EndpointSlice): string[] => [
  `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME] ?? ''}`,
]
const endpointsOf = ({ endpoints }: EndpointSlice): string[] =>
  (endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])

function clusterView(informers: InformerFactory): {
  view: ClusterView
  waitForSync(signal: AbortSignal): Promise<void>
} {
  const services = informers.informer(Services)
  const slices = informers.informer(EndpointSlices)
  const namespaces = informers.informer(Namespaces)
  services.addIndex('dns-address', addressesOf)
  slices.addIndex('dns-service', serviceOf)
  slices.addIndex('dns-address', endpointsOf)
  return {
    view: {
      service: (namespace, name) => services.lister.get(name, namespace),
      slices: (namespace, service) => slices.lister.byIndex('dns-service', `${namespace}/${service}`),
      namespaceExists: namespace => namespaces.lister.get(namespace) !== undefined,
      serviceByAddress: address => services.lister.byIndex('dns-address', address)[0],
      slicesByAddress: address => slices.lister.byIndex('dns-address', address),
    },
    async waitForSync(signal) {
      await Promise.all([services.waitForSync(signal), slices.waitForSync(signal), namespaces.waitForSync(signal)])
    },
  }
}
