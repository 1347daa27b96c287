import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EndpointSlices, Nodes, Services } from '@canopus/api'
import type { Node, Service, ServiceSpec } from '@canopus/api/core/v1'
import type { Draft } from '@canopus/apimachinery'
import { createWorld, type World } from '../testing/world.ts'
import { createLocalCloud, planLocalBalancer } from './local-load-balancers.ts'
import { BALANCER_FINALIZER, changesOf, createServiceBalancerController, nodesForBalancers } from './service-lb.ts'

const node = (name: string, ip: string, ready = 'True'): Draft<Node> => ({
  metadata: { name },
  spec: {},
  status: { addresses: [{ type: 'InternalIP', address: ip }], conditions: [{ type: 'Ready', status: ready }] },
})
const service = (name: string, spec: Partial<ServiceSpec> = {}): Draft<Service> => ({
  metadata: { name, namespace: 'x' },
  spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
})

async function scene(): Promise<World> {
  const world = createWorld()
  world.server.add(Nodes, node('a', '10.0.0.1'))
  world.server.add(Nodes, node('b', '10.0.0.2'))
  const { loadBalancers } = createLocalCloud(world.context)
  await world.start(createServiceBalancerController(world.context, loadBalancers!))
  return world
}

const addresses = (world: World, name: string): string[] =>
  (world.server.get(Services, name, 'x')?.status?.loadBalancer?.ingress ?? []).map(each => `${each.ip} ${each.ipMode}`)

test('a service gets the addresses of the nodes, and gives them back', async () => {
  const world = await scene()
  const services = world.context.client.resource(Services)
  await services.create(service('web'))
  await world.settle()
  assert.deepEqual(addresses(world, 'web'), ['10.0.0.1 VIP', '10.0.0.2 VIP'])
  assert.deepEqual(world.server.get(Services, 'web', 'x')?.metadata.finalizers, [BALANCER_FINALIZER])
  assert.deepEqual(world.events, [
    'EnsuringLoadBalancer Ensuring load balancer',
    'EnsuredLoadBalancer Ensured load balancer',
  ])
  world.events.length = 0
  world.server.remove(Nodes, 'b')
  await world.settle()
  assert.deepEqual(addresses(world, 'web'), ['10.0.0.1 VIP'])
  assert.deepEqual(world.events, ['UpdatedLoadBalancer Updated load balancer with new hosts'])
  world.events.length = 0
  await services.delete('web', { namespace: 'x' })
  await world.settle()
  assert.equal(world.server.get(Services, 'web', 'x'), undefined)
  assert.deepEqual(world.events, [
    'DeletingLoadBalancer Deleting load balancer',
    'DeletedLoadBalancer Deleted load balancer',
  ])
  world.stop()
})

test('a service that is no balancer any more loses its addresses', async () => {
  const world = await scene()
  world.server.add(Services, service('web'))
  await world.settle()
  world.events.length = 0
  world.server.change(Services, 'web', 'x', each => {
    each.spec.type = 'ClusterIP'
  })
  await world.settle()
  assert.deepEqual(addresses(world, 'web'), [])
  assert.deepEqual(world.server.get(Services, 'web', 'x')?.metadata.finalizers ?? [], [])
  assert.deepEqual(world.events, [
    'Type LoadBalancer -> ClusterIP',
    'DeletingLoadBalancer Deleting load balancer',
    'DeletedLoadBalancer Deleted load balancer',
  ])
  world.stop()
})

test('somebody else sees to services with a class', async () => {
  const world = await scene()
  world.server.add(Services, service('web', { loadBalancerClass: 'example.com/other' }))
  await world.settle()
  assert.deepEqual(addresses(world, 'web'), [])
  assert.deepEqual(world.events, [])
  world.stop()
})

test('a port has one service; the next waits for it', async () => {
  const world = await scene()
  world.server.add(Services, service('first'))
  await world.settle()
  world.server.add(Services, service('second'))
  await world.settle()
  assert.deepEqual(addresses(world, 'second'), [])
  assert.ok(
    world.events.includes(
      'SyncLoadBalancerFailed Error syncing load balancer: failed to ensure load balancer: port 80/TCP is taken by service x/first',
    ),
  )
  await world.context.client.resource(Services).delete('first', { namespace: 'x' })
  await world.settle(20_000)
  assert.deepEqual(addresses(world, 'second'), ['10.0.0.1 VIP', '10.0.0.2 VIP'])
  world.stop()
})

test('traffic that stays on its node is sent to nodes with endpoints only', async () => {
  const world = await scene()
  world.server.add(Services, service('web', { externalTrafficPolicy: 'Local' }))
  await world.settle()
  assert.deepEqual(addresses(world, 'web'), [])
  world.server.add(EndpointSlices, {
    metadata: { name: 'web-1', namespace: 'x', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.0.2'], nodeName: 'b', conditions: { ready: true } }],
  })
  await world.settle()
  assert.deepEqual(addresses(world, 'web'), ['10.0.0.2 VIP'])
  world.stop()
})

test('without nodes nobody can come', async () => {
  const world = createWorld()
  const { loadBalancers } = createLocalCloud(world.context)
  await world.start(createServiceBalancerController(world.context, loadBalancers!))
  world.server.add(Services, service('web'))
  await world.settle()
  assert.ok(world.events.includes('UnAvailableLoadBalancer There are no available nodes for LoadBalancer'))
  world.stop()
})

test('which nodes stand behind balancers', () => {
  const made = (name: string, more: object): Node => ({ ...node(name, '10.0.0.1'), ...more }) as Node
  const label = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
  const taint = { key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }
  const nodes = [
    made('b', {}),
    made('a', {}),
    made('excluded', { metadata: { name: 'excluded', labels: label } }),
    made('leaving', { spec: { taints: [taint] } }),
  ]
  assert.deepEqual(
    nodesForBalancers(nodes).map(each => each.metadata.name),
    ['a', 'b'],
  )
})

test('ports of the nodes are not given away, and nodes that are not ready get nothing', () => {
  const state = {
    service: service('web', { ports: [{ port: 10_250 }] }) as Service,
    nodes: [node('a', '10.0.0.1'), node('b', '10.0.0.2', 'False')] as Node[],
    services: [],
    slices: [],
    reservedPorts: [10_250],
  }
  assert.throws(() => planLocalBalancer(state), { message: 'port 10250/TCP belongs to the nodes themselves' })
  const plain = { ...state, service: service('web') as Service }
  assert.deepEqual(planLocalBalancer(plain), { ingress: [{ ip: '10.0.0.1', ipMode: 'VIP' }] })
})

const changes: [string, Partial<ServiceSpec>, Partial<ServiceSpec>, string][] = [
  ['nothing', {}, {}, ''],
  ['ranges', {}, { loadBalancerSourceRanges: ['10.0.0.0/8'] }, 'LoadBalancerSourceRanges [] -> [10.0.0.0/8]'],
  ['address', {}, { loadBalancerIP: '1.2.3.4' }, 'LoadbalancerIP  -> 1.2.3.4'],
  [
    'policy',
    { externalTrafficPolicy: 'Cluster' },
    { externalTrafficPolicy: 'Local', healthCheckNodePort: 30_001 },
    'ExternalTrafficPolicy Cluster -> Local,HealthCheckNodePort 0 -> 30001',
  ],
]
for (const [name, before, after, expected] of changes) {
  test(`events about changes: ${name}`, () => {
    const events = changesOf(service('web', before) as Service, service('web', after) as Service)
    assert.equal(events.map(each => each.join(' ')).join(), expected)
  })
}
