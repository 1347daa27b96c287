import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Nodes } from '@canopus/api'
import type { Node, NodeAddress, Taint } from '@canopus/api/core/v1'
import type { Draft } from '@canopus/apimachinery'
import { createWorld } from '../testing/world.ts'
import { addressesFor, createCloudNodeController, initialized, missingLabels, UNINITIALIZED } from './node.ts'
import { createCloudNodeLifecycleController, judgeNode, SHUTDOWN } from './node-lifecycle.ts'
import type { InstanceMetadata, Instances, Route, Routes } from './provider.ts'
import { createNodeRouteController, planRoutes, reachesInto } from './routes.ts'

const inside = (address: string): NodeAddress => ({ type: 'InternalIP', address })
const hostname = (address: string): NodeAddress => ({ type: 'Hostname', address })
interface Facts {
  ready?: string
  taints?: Taint[]
  annotations?: Record<string, string>
  addresses?: NodeAddress[]
  podCIDRs?: string[]
}
const node = (name: string, { ready = 'True', taints = [], annotations, addresses = [], podCIDRs }: Facts = {}) =>
  ({
    metadata: { name, uid: `uid-${name}`, ...(annotations ? { annotations } : {}) },
    spec: { taints, ...(podCIDRs ? { podCIDRs } : {}) },
    status: { addresses, conditions: [{ type: 'Ready', status: ready }] },
  }) as unknown as Node
const uninitialized: Taint = { key: UNINITIALIZED, effect: 'NoSchedule', value: 'true' }
const shutdown: Taint = { key: SHUTDOWN, effect: 'NoSchedule' }

const machine: InstanceMetadata = {
  providerId: 'cloud://one',
  instanceType: 'big',
  zone: 'z1',
  region: 'r1',
  addresses: [inside('10.0.0.1')],
  labels: { 'example.com/rack': '7', 'node.kubernetes.io/forbidden': 'x' },
}

test('a node becomes known to the cloud: name, labels, and the taint goes', () => {
  const mine: Taint = { key: 'mine', effect: 'NoSchedule' }
  const { metadata, spec } = initialized(node('n', { taints: [uninitialized, mine] }), machine)
  assert.equal(spec?.providerID, 'cloud://one')
  assert.deepEqual(spec?.taints, [mine])
  assert.deepEqual(metadata.labels, {
    'failure-domain.beta.kubernetes.io/zone': 'z1',
    'topology.kubernetes.io/zone': 'z1',
    'failure-domain.beta.kubernetes.io/region': 'r1',
    'topology.kubernetes.io/region': 'r1',
    'beta.kubernetes.io/instance-type': 'big',
    'node.kubernetes.io/instance-type': 'big',
    'example.com/rack': '7',
  })
})

test('without a name in the cloud, or with an address that the cloud does not have, it stays closed', () => {
  const { providerId: _, ...nameless } = machine
  assert.throws(() => initialized(node('n'), nameless), /does not set node provider ID for node n/)
  const wrong = node('n', { annotations: { 'alpha.kubernetes.io/provided-node-ip': '10.9.9.9' } })
  assert.throws(() => initialized(wrong, machine), /provided node ip for node "n" is not valid/)
})

const addresses: [string, Facts, NodeAddress[], NodeAddress[]][] = [
  ['the host name of the kubelet stays', { addresses: [hostname('h')] }, [inside('1')], [inside('1'), hostname('h')]],
  ['unless the cloud has one', { addresses: [hostname('h')] }, [hostname('c')], [hostname('c')]],
  [
    'the one that was asked for is the only one of its type',
    { annotations: { 'alpha.kubernetes.io/provided-node-ip': '2' } },
    [inside('1'), inside('2'), { type: 'ExternalIP', address: '3' }],
    [inside('2'), { type: 'ExternalIP', address: '3' }],
  ],
]
for (const [name, facts, given, expected] of addresses) {
  test(`addresses of a node: ${name}`, () => assert.deepEqual(addressesFor(node('n', facts), given), expected))
}

test('labels of the present names follow the older ones', () => {
  const labels = { 'failure-domain.beta.kubernetes.io/zone': 'a', 'topology.kubernetes.io/zone': 'b' }
  assert.deepEqual(missingLabels({ metadata: { labels } } as unknown as Node), { 'topology.kubernetes.io/zone': 'a' })
  assert.deepEqual(missingLabels(node('n')), {})
})

test('the cloud opens a node, and its addresses are looked at every five minutes', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  let current = machine
  let asked = 0
  const instances: Instances = {
    exists: async () => true,
    isShutDown: async () => false,
    metadata: async () => {
      asked += 1
      return current
    },
  }
  world.server.add(Nodes, node('n', { taints: [uninitialized] }) as Draft<Node>)
  await world.start(createCloudNodeController(world.context, instances))
  await world.settle()
  const shown = () => world.server.get(Nodes, 'n')!
  assert.deepEqual(shown().spec?.taints, [])
  assert.deepEqual(shown().status?.addresses, [inside('10.0.0.1')])
  assert.deepEqual(world.events, ['Synced Node synced successfully'])
  assert.equal(asked, 1)
  current = { ...machine, addresses: [inside('10.0.0.2')] }
  await world.settle(4 * 60_000)
  assert.deepEqual(shown().status?.addresses, [inside('10.0.0.1')])
  await world.settle(2 * 60_000)
  assert.deepEqual(shown().status?.addresses, [inside('10.0.0.2')])
})

const verdicts: [string, Facts, [boolean, boolean] | undefined, ReturnType<typeof judgeNode>][] = [
  ['ready', {}, undefined, 'keep'],
  ['ready again', { taints: [shutdown] }, undefined, 'untaint'],
  ['silent, its machine is there', { ready: 'Unknown' }, [true, false], 'keep'],
  ['silent, its machine is off', { ready: 'Unknown' }, [true, true], 'taint'],
  ['known to be off', { ready: 'Unknown', taints: [shutdown] }, [true, true], 'keep'],
  ['silent, its machine is gone', { ready: 'False' }, [false, false], 'delete'],
]
for (const [name, facts, cloud, expected] of verdicts) {
  const said = cloud && { exists: cloud[0], isShutDown: cloud[1] }
  test(`a node that is ${name}: ${expected}`, () => assert.equal(judgeNode(node('n', facts), said), expected))
}

test('nodes whose machine is gone are deleted, those that are off tainted', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const instances: Instances = {
    exists: async ({ metadata }) => metadata.name !== 'gone',
    isShutDown: async ({ metadata }) => metadata.name === 'off',
    metadata: async () => machine,
  }
  for (const name of ['gone', 'off', 'silent']) world.server.add(Nodes, node(name, { ready: 'Unknown' }) as Draft<Node>)
  await world.start(createCloudNodeLifecycleController(world.context, instances))
  await world.settle(6_000)
  assert.deepEqual(
    world.server.list(Nodes).map(({ metadata, spec }) => [metadata.name, (spec?.taints ?? []).map(({ key }) => key)]),
    [
      ['off', [SHUTDOWN]],
      ['silent', []],
    ],
  )
  assert.deepEqual(world.events, ['DeletingNode Deleting node gone because it does not exist in the cloud provider'])
})

const route = (targetNode: string, destinationCidr: string, more: Partial<Route> = {}): Route => ({
  name: `${targetNode}-${destinationCidr}`,
  targetNode,
  destinationCidr,
  ...more,
})
const a = node('a', { podCIDRs: ['10.0.1.0/24', 'fd00:1::/64'], addresses: [inside('1')] })
const plans: [string, Node[], Route[], string[], string[]][] = [
  ['one for each range', [a], [], [], ['10.0.1.0/24', 'fd00:1::/64']],
  ['what is there stays', [a], [route('a', '10.0.1.0/24'), route('a', 'fd00:1::/64')], [], []],
  ['a node that is gone', [], [route('b', '10.0.2.0/24')], ['10.0.2.0/24'], []],
  ['somebody else’s', [], [route('b', '192.168.2.0/24')], [], []],
  ['a node without a range', [node('c')], [route('c', '10.0.3.0/24')], ['10.0.3.0/24'], []],
  [
    'one that leads nowhere',
    [a],
    [route('a', '10.0.1.0/24', { blackhole: true }), route('a', 'fd00:1::/64')],
    ['10.0.1.0/24'],
    ['10.0.1.0/24'],
  ],
  [
    'addresses have changed',
    [a],
    [route('a', '10.0.1.0/24', { targetAddresses: [inside('2')] }), route('a', 'fd00:1::/64')],
    ['10.0.1.0/24'],
    ['10.0.1.0/24'],
  ],
]
const isOurs = (cidr: string): boolean => ['10.0.0.0/16', 'fd00::/16'].some(range => reachesInto(cidr, range))
for (const [name, nodes, routes, remove, create] of plans) {
  test(`routes: ${name}`, () => {
    const plan = planRoutes(nodes, routes, isOurs)
    assert.deepEqual(
      [plan.remove.map(each => each.destinationCidr), plan.create.map(each => each.route.destinationCidr)],
      [remove, create],
    )
  })
}

const ranges: [string, string, boolean][] = [
  ['10.0.1.0/24', '10.0.0.0/16', true],
  ['10.1.0.0/24', '10.0.0.0/16', false],
  ['10.0.0.0/8', '10.0.0.0/16', true],
  ['10.0.0.0/8', '10.128.0.0/9', true],
  ['10.0.0.0/8', '10.4.0.0/16', false],
  ['10.0.1.7/30', '10.0.1.4/31', true],
  ['fd00:1::/64', 'fd00::/16', true],
  ['fd00::/64', '10.0.0.0/16', false],
]
for (const [range, outer, expected] of ranges) {
  test(`${range} reaches into ${outer}: ${expected}`, () => assert.equal(reachesInto(range, outer), expected))
}

test('a node says whether pods can be reached there', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const made: string[] = []
  let isRefused = true
  const routes: Routes = {
    list: async () => made.map(cidr => route('a', cidr)),
    create: async (hint, { destinationCidr }) => {
      if (isRefused) throw new Error('no quota')
      made.push(destinationCidr)
      assert.equal(hint, world.server.get(Nodes, 'a')?.metadata.uid)
    },
    delete: async ({ destinationCidr }) => void made.splice(made.indexOf(destinationCidr), 1),
  }
  const condition = () => {
    const found = world.server.get(Nodes, 'a')?.status?.conditions?.find(each => each.type === 'NetworkUnavailable')
    return found && `${found.status} ${found.reason} ${found.message}`
  }
  world.server.add(Nodes, node('a', { podCIDRs: ['10.0.1.0/24'] }) as Draft<Node>)
  world.server.add(Nodes, node('b') as Draft<Node>)
  await world.start(createNodeRouteController(world.context, routes, { clusterCidrs: ['10.0.0.0/16'] }))
  await world.settle()
  assert.equal(condition(), 'True NoRouteCreated RouteController failed to create a route')
  assert.match(world.events[0]!, /^FailedToCreateRoute Could not create route .* 10\.0\.1\.0\/24 for node a: no quota$/)
  isRefused = false
  await world.settle(11_000)
  assert.equal(condition(), 'False RouteCreated RouteController created a route')
  assert.deepEqual(made, ['10.0.1.0/24'])
  assert.deepEqual(
    world.server.get(Nodes, 'b')?.status?.conditions?.map(each => each.type),
    ['Ready'],
  )
  world.server.remove(Nodes, 'a')
  await world.settle(11_000)
  assert.deepEqual(made, [])
})
