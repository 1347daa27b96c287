import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service, ServiceSpec } from '@canopus/api/core/v1'
import type { Endpoint, EndpointSlice } from '@canopus/api/discovery/v1'
import { healthAnswer, healthCheckOf } from './health-check.ts'

const metadata = { name: 'web', namespace: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
const spec: ServiceSpec = {
  type: 'LoadBalancer',
  clusterIP: '10.96.0.10',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 30_900,
  ports: [{ port: 80 }],
}
const endpoint = (ip: string, nodeName: string, ready = true): Endpoint => ({
  addresses: [ip],
  nodeName,
  conditions: { ready },
})
const slice: EndpointSlice = {
  metadata,
  addressType: 'IPv4',
  endpoints: [endpoint('10.244.0.2', 'a'), endpoint('10.244.0.3', 'a', false), endpoint('10.244.1.2', 'b')],
}

const table: [string, Partial<ServiceSpec>, string, number | undefined][] = [
  ['ready endpoints of this node count', {}, 'a', 1],
  ['none here', {}, 'c', 0],
  ['traffic goes everywhere', { externalTrafficPolicy: 'Cluster' }, 'a', undefined],
  ['no balancer', { type: 'NodePort' }, 'a', undefined],
]
for (const [name, change, node, expected] of table) {
  test(`health check: ${name}`, () => {
    const service: Service = { metadata, spec: { ...spec, ...change } }
    const found = healthCheckOf(service, [slice, slice], node)
    assert.equal(found?.[1].localEndpoints, expected)
    if (found) assert.equal(found[0], 30_900)
  })
}

test('what balancers are told', () => {
  const { status, headers, body } = healthAnswer({ namespace: 'x', name: 'web', localEndpoints: 0 })
  assert.equal(status, 503)
  assert.equal(headers['x-load-balancing-endpoint-weight'], '0')
  const told = { service: { namespace: 'x', name: 'web' }, localEndpoints: 0, serviceProxyHealthy: true }
  assert.deepEqual(JSON.parse(body), told)
  assert.equal(healthAnswer({ namespace: 'x', name: 'web', localEndpoints: 2 }).status, 200)
})
