import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EndpointSlices, Services } from '@canopus/api'
import { SeededRandom } from '@canopus/base'
import { FakeObjects } from '../authn/testing/fake-objects.ts'
import { createAddressResolver, createServiceResolver } from './service-resolver.ts'

function service(spec: object): object {
  return { metadata: { name: 'hook', namespace: 'ns' }, spec: { type: 'ClusterIP', ipFamilies: ['IPv4'], ...spec } }
}

function slice(name: string, addressType: string, endpoints: object[], port: object = { port: 8443 }): object {
  const labels = { 'kubernetes.io/service-name': 'hook' }
  return { metadata: { name, namespace: 'ns', labels }, addressType, endpoints, ports: [port] }
}

const PORTS = { ports: [{ port: 443, targetPort: 8443 }] }

const TABLE: { name: string; service?: object; slices?: object[]; port?: number; is: string }[] = [
  { name: 'no service', is: 'service "hook" not found' },
  {
    name: 'no such port',
    service: service(PORTS),
    port: 444,
    is: 'no service port 444 found for service "hook"',
  },
  { name: 'nobody there', service: service(PORTS), is: 'no endpoints available for service "hook"' },
  {
    name: 'nobody ready',
    service: service(PORTS),
    slices: [slice('a', 'IPv4', [{ addresses: ['10.0.0.1'], conditions: { ready: false } }])],
    is: 'no endpoints available for service "hook"',
  },
  {
    name: 'the one that is ready, at its own port',
    service: service(PORTS),
    slices: [
      slice('a', 'IPv4', [
        { addresses: ['10.0.0.1'], conditions: { ready: false } },
        { addresses: ['10.0.0.2'], conditions: { ready: true } },
      ]),
    ],
    is: '10.0.0.2:8443',
  },
  {
    name: 'the first family first',
    service: service(PORTS),
    slices: [slice('a', 'IPv6', [{ addresses: ['fd00::1'] }]), slice('b', 'IPv4', [{ addresses: ['10.0.0.3'] }])],
    is: '10.0.0.3:8443',
  },
  {
    name: 'the other family where there is no choice',
    service: service(PORTS),
    slices: [slice('a', 'IPv6', [{ addresses: ['fd00::1'] }])],
    is: 'fd00::1:8443',
  },
  {
    name: 'ports go by name',
    service: service({ ports: [{ name: 'admin', port: 443 }] }),
    slices: [
      slice('a', 'IPv4', [{ addresses: ['10.0.0.1'] }], { name: 'metrics', port: 1 }),
      slice('b', 'IPv4', [{ addresses: ['10.0.0.2'] }], { name: 'admin', port: 9443 }),
    ],
    is: '10.0.0.2:9443',
  },
  {
    name: 'a name outside',
    service: service({ type: 'ExternalName', externalName: 'hooks.example.com' }),
    is: 'hooks.example.com:443',
  },
]

for (const { name, service: object, slices = [], port = 443, is } of TABLE) {
  test(`resolving a service: ${name}`, () => {
    const objects = new FakeObjects()
    if (object !== undefined) objects.put(Services, object as never)
    for (const each of slices) objects.put(EndpointSlices, each as never)
    const resolver = createServiceResolver(objects, new SeededRandom(1))
    if (/ /.test(is)) assert.throws(() => resolver.resolve('ns', 'hook', port), { message: is })
    else {
      const address = resolver.resolve('ns', 'hook', port)
      assert.equal(`${address.host}:${address.port}`, is)
    }
  })
}

/** With `--enable-aggregator-routing=false`; endpoints do not matter then. */
const ADDRESSES: { name: string; service?: object; port?: number; is: string }[] = [
  { name: 'no service', is: 'service "hook" not found' },
  { name: 'its own', service: service({ ...PORTS, clusterIP: '10.96.0.7' }), is: '10.96.0.7:443' },
  {
    name: 'with a port of nodes too',
    service: service({ ...PORTS, type: 'NodePort', clusterIP: '10.96.0.8' }),
    is: '10.96.0.8:443',
  },
  {
    name: 'no such port',
    service: service({ ...PORTS, clusterIP: '10.96.0.7' }),
    port: 444,
    is: 'no service port 444 found for service "hook"',
  },
  {
    name: 'none',
    service: service({ ...PORTS, clusterIP: 'None' }),
    is: 'cannot route to service with ClusterIP "None"',
  },
  {
    name: 'a name outside',
    service: service({ type: 'ExternalName', externalName: 'hooks.example.com' }),
    port: 9443,
    is: 'hooks.example.com:9443',
  },
]

for (const { name, service: object, port = 443, is } of ADDRESSES) {
  test(`resolving a service to its address: ${name}`, () => {
    const objects = new FakeObjects()
    if (object !== undefined) objects.put(Services, object as never)
    const resolver = createAddressResolver(objects)
    if (/ /.test(is)) assert.throws(() => resolver.resolve('ns', 'hook', port), { message: is })
    else {
      const address = resolver.resolve('ns', 'hook', port)
      assert.equal(`${address.host}:${address.port}`, is)
    }
  })
}
