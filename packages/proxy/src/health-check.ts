/** What load balancers ask nodes: has this service endpoints here (kubernetes pkg/proxy/healthcheck/service_health.go). */
import type { Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { hasVirtualAddress } from './endpoints.ts'

export interface HealthCheck {
  readonly namespace: string
  readonly name: string
  /** Ready endpoints on this node. */
  readonly localEndpoints: number
}

/** The port at which the service's health is asked for, and the answer; nothing where it has none. */
export function healthCheckOf(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): [number, HealthCheck] | undefined {
  const { type, externalTrafficPolicy, healthCheckNodePort } = service.spec
  if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local' || !healthCheckNodePort) return undefined
  if (!hasVirtualAddress(service)) return undefined
  const { name, namespace = '' } = service.metadata
  const local = slices
    .filter(slice => slice.addressType === 'IPv4')
    .flatMap(slice => slice.endpoints ?? [])
    .filter(each => each.nodeName === nodeName && each.conditions?.ready !== false)
    .map(each => each.addresses?.[0])
  return [healthCheckNodePort, { namespace, name, localEndpoints: new Set(local).size }]
}

export interface HealthAnswer {
  readonly status: 200 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** As balancers read it: 200 where the node should get traffic. */
export function healthAnswer({ namespace, name, localEndpoints }: HealthCheck): HealthAnswer {
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: true }
  return {
    status: localEndpoints > 0 ? 200 : 503,
    headers: {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': String(localEndpoints),
    },
    body: `${JSON.stringify(body, null, '\t')}\n`,
  }
}
