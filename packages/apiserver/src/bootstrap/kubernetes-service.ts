import { isIPv6 } from 'node:net'
import { EndpointSlices, Endpoints, Services } from '@canopus/api'
import type { Endpoints as EndpointsObject, Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import { reconcileObject } from './ensure.ts'

export interface KubernetesServiceFacts {
  /** The first address of the service range, by which pods reach the API server. */
  clusterIP: string
  /** Port of the service; 443 where missing. */
  servicePort?: number
  /** Under which port each node leads to the service; none where missing. */
  nodePort?: number
  /** Where this API server can be reached, from pods too. Without one the service leads nowhere. */
  address?: string
  port: number
  /** How many API servers there are, where their number is known; they are found by leases where missing. */
  servers?: number
  /** Addresses of all API servers that are there; only this one's where missing. */
  addresses?: readonly string[]
}

const NAME = 'kubernetes'
const PORT_NAME = 'https'

/**
 * The service `default/kubernetes`, which leads pods to the API server, and its endpoints, which no controller makes
 * (pkg/controlplane/controller/kubernetesservice). With several API servers each adds its own address with `addresses`.
 */
export async function ensureKubernetesService(
  client: Client,
  facts: KubernetesServiceFacts,
  addresses: readonly string[] = facts.addresses ?? (facts.address === undefined ? [] : [facts.address]),
): Promise<void> {
  await reconcileObject(client, Services, serviceFor(facts), existing => {
    // One of a family that this server has no range of can no more be changed.
    if (isIPv6(existing.spec?.clusterIP ?? '') !== isIPv6(facts.clusterIP)) return { kind: 'keep' }
    const wanted = serviceFor(facts).spec!
    const [port] = existing.spec?.ports ?? []
    const [wantedPort] = wanted.ports!
    const same =
      port?.port === wantedPort!.port && port?.targetPort === wantedPort!.targetPort && port?.name === PORT_NAME
    if (same && existing.spec?.ports?.length === 1) return { kind: 'keep' }
    return { kind: 'update', object: { ...existing, spec: { ...existing.spec, ports: wanted.ports! } } }
  })
  if (addresses.length === 0) return
  await Promise.all([ensureEndpoints(client, facts.port, addresses), ensureSlice(client, facts.port, addresses)])
}

function serviceFor(facts: KubernetesServiceFacts): Draft<Service> {
  return {
    metadata: { name: NAME, namespace: 'default', labels: { provider: NAME, component: 'apiserver' } },
    spec: {
      clusterIP: facts.clusterIP,
      ports: [
        {
          name: PORT_NAME,
          port: facts.servicePort ?? 443,
          protocol: 'TCP',
          targetPort: facts.port,
          ...(facts.nodePort === undefined ? {} : { nodePort: facts.nodePort }),
        },
      ],
      type: facts.nodePort === undefined ? 'ClusterIP' : 'NodePort',
      sessionAffinity: 'None',
      ipFamilyPolicy: 'SingleStack',
    },
  }
}

async function ensureEndpoints(client: Client, port: number, addresses: readonly string[]): Promise<void> {
  const subsets = [
    {
      addresses: [...addresses].sort().map(ip => ({ ip })),
      ports: [{ name: PORT_NAME, port, protocol: 'TCP' }],
    },
  ]
  const wanted: Draft<EndpointsObject> = {
    metadata: {
      name: NAME,
      namespace: 'default',
      // Its slice is made here too: nobody else should mirror it.
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets,
  }
  await reconcileObject(client, Endpoints, wanted, existing =>
    JSON.stringify(existing.subsets) === JSON.stringify(subsets)
      ? { kind: 'keep' }
      : { kind: 'update', object: { ...existing, subsets } },
  )
}

async function ensureSlice(client: Client, port: number, addresses: readonly string[]): Promise<void> {
  const endpoints = [...addresses].sort().map(address => ({ addresses: [address], conditions: { ready: true } }))
  const ports = [{ name: PORT_NAME, port, protocol: 'TCP' }]
  const wanted: Draft<EndpointSlice> = {
    metadata: { name: NAME, namespace: 'default', labels: { 'kubernetes.io/service-name': NAME } },
    addressType: isIPv6(addresses[0] ?? '') ? 'IPv6' : 'IPv4',
    endpoints,
    ports,
  }
  await reconcileObject(client, EndpointSlices, wanted, existing => {
    // A slice cannot change its family (EndpointsAdapter).
    if (existing.addressType !== wanted.addressType) return { kind: 'replace' }
    const same =
      existing.ports?.[0]?.port === port &&
      (existing.endpoints ?? []).map(each => each.addresses.join()).join() === addresses.toSorted().join()
    return same ? { kind: 'keep' } : { kind: 'update', object: { ...existing, endpoints, ports } }
  })
}
