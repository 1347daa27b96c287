import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IPAddresses, ServiceCIDRs } from '@canopus/api'
import type { IPAddress, ServiceCIDR } from '@canopus/api/networking/v1'
import { type Draft, StatusError } from '@canopus/apimachinery'
import { createServiceCidrController, mayGo } from './service-cidr.ts'
import { createWorld } from './testing/world.ts'

const range = (name: string, ...cidrs: string[]): ServiceCIDR =>
  ({ metadata: { name }, spec: { cidrs } }) as ServiceCIDR
const address = (name: string, by = 'ipallocator.k8s.io'): IPAddress =>
  ({
    metadata: { name, labels: { 'ipaddress.kubernetes.io/managed-by': by } },
    spec: { parentRef: { group: '', resource: 'services', namespace: 'default', name: 's' } },
  }) as unknown as IPAddress

describe('mayGo', () => {
  const a = range('a', '10.0.0.0/24')
  const cases: [string, ServiceCIDR[], IPAddress[], boolean][] = [
    ['an empty range', [a], [], true],
    ['a range with an address', [a], [address('10.0.0.5')], false],
    ['an address of somebody else', [a], [address('10.0.0.5', 'me')], true],
    ['an address elsewhere', [a], [address('10.0.1.5'), address('fd00::1')], true],
    ['a range inside another', [a, range('b', '10.0.0.0/16')], [address('10.0.0.5')], true],
    ['the same range twice', [a, range('b', '10.0.0.0/24')], [address('10.0.0.5')], true],
    ['a range that others cover where it counts', [a, range('b', '10.0.0.0/25')], [address('10.0.0.5')], true],
    ['a range that others do not cover', [a, range('b', '10.0.0.128/25')], [address('10.0.0.5')], false],
  ]
  for (const [name, ranges, addresses, expected] of cases) {
    it(`${name}: ${expected}`, () => assert.equal(mayGo(a, ranges, addresses), expected))
  }
})

it('a range is held, ready, and goes when its last address and ten seconds are gone', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const { client } = world.context
  const ranges = client.resource(ServiceCIDRs)
  const ready = async () => (await ranges.get('a')).status?.conditions?.find(each => each.type === 'Ready')
  await world.start(createServiceCidrController(world.context))
  await ranges.create(range('a', '10.0.0.0/24') as Draft<ServiceCIDR>)
  await world.settle()
  assert.deepEqual((await ranges.get('a')).metadata.finalizers, ['networking.k8s.io/service-cidr-finalizer'])
  assert.equal((await ready())?.message, 'Kubernetes Service CIDR is ready')
  await client.resource(IPAddresses).create(address('10.0.0.5') as Draft<IPAddress>)
  await ranges.delete('a')
  await world.settle()
  assert.deepEqual([(await ready())?.status, (await ready())?.reason], ['False', 'Terminating'])
  await client.resource(IPAddresses).delete('10.0.0.5')
  await world.settle()
  assert.equal((await ranges.list()).items.length, 1)
  await world.settle(11_000)
  assert.equal((await ranges.list()).items.length, 0)
})

it('a range that cannot be said to be ready is told of, and tried again', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const ranges = world.context.client.resource(ServiceCIDRs)
  await world.start(createServiceCidrController(world.context))
  const failure = new StatusError({ code: 500, reason: 'InternalError', message: 'no' })
  world.server.failNext({ method: 'PUT', path: /\/status$/ }, failure)
  await ranges.create(range('a', '10.0.0.0/24') as Draft<ServiceCIDR>)
  await world.settle(5_000)
  assert.deepEqual(world.events, ['KubernetesServiceCIDRError The ServiceCIDR Status can not be set to Ready=True'])
  assert.equal((await ranges.get('a')).status?.conditions?.[0]?.status, 'True')
})
