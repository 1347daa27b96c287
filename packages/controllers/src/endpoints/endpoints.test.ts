import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { EndpointSlices, Endpoints, Namespaces, Nodes, Pods, Services } from '@canopus/api'
import type { Pod, Service, ServiceSpec } from '@canopus/api/core/v1'
import { StatusError } from '@canopus/apimachinery'
import { createWorld, type World } from '../testing/world.ts'
import { createEndpointsController, subsetsOf, truncated } from './endpoints-controller.ts'
import { planSlices } from './plan-slices.ts'
import { createEndpointSliceController } from './slices-controller.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  world.server.add(Namespaces, { metadata: { name: 'default' }, spec: {} })
  await world.start(
    createEndpointSliceController(world.context, { maxEndpointsPerSlice: 3 }),
    createEndpointsController(world.context),
  )
})
afterEach(() => world.stop())

const addService = (spec: Partial<ServiceSpec> = {}) =>
  world.server.add(Services, {
    metadata: { name: 'web', namespace: 'default', labels: { team: 'a' } },
    spec: {
      selector: { app: 'web' },
      clusterIP: '10.0.0.1',
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
      ...spec,
    },
  })
const podOf = (name: string, ip: string, more: { ready?: boolean; spec?: object; phase?: string } = {}) => ({
  metadata: { name, namespace: 'default', labels: { app: 'web' } },
  spec: { containers: [], nodeName: 'n1', ...more.spec },
  status: {
    phase: more.phase ?? 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }],
  },
})
const slices = () => world.server.list(EndpointSlices)
const addresses = () => slices().map(slice => (slice.endpoints ?? []).flatMap(each => each.addresses))
const legacy = () => world.server.get(Endpoints, 'web', 'default')

test('figures tell how many endpoints and slices there are, and what became of them', async () => {
  for (const index of [1, 2, 3, 4]) world.server.add(Pods, podOf(`p${index}`, `10.1.0.${index}`))
  addService({ trafficDistribution: 'PreferClose' })
  await world.settle()
  world.server.remove(Pods, 'p2', 'default')
  await world.settle()
  const traffic = 'topology="Disabled",traffic_distribution="PreferClose"'
  assert.deepEqual(world.figures(/^endpoint_slice_controller_(?!.*(bucket|_sync_count|syncs))/), [
    'endpoint_slice_controller_changes{operation="create"} 2',
    'endpoint_slice_controller_changes{operation="update"} 1',
    'endpoint_slice_controller_desired_endpoint_slices 1',
    'endpoint_slice_controller_endpoints_added_per_sync_sum 4',
    'endpoint_slice_controller_endpoints_desired 3',
    'endpoint_slice_controller_endpoints_removed_per_sync_sum 1',
    `endpoint_slice_controller_endpointslices_changed_per_sync_sum{${traffic}} 3`,
    'endpoint_slice_controller_num_endpoint_slices 2',
    'endpoint_slice_controller_services_count_by_traffic_distribution{traffic_distribution="PreferClose"} 1',
  ])
  world.server.failNext({ method: 'PUT', path: /endpointslices/ }, new Error('lost'), 1)
  world.server.add(Pods, podOf('p5', '10.1.0.5'))
  await world.settle()
  assert.deepEqual(world.figures(/_syncs\{result="error"/), ['endpoint_slice_controller_syncs{result="error"} 1'])
  world.server.remove(Services, 'web', 'default')
  await world.settle()
  assert.deepEqual(world.figures(/_(endpoints_desired|by_traffic_distribution)/), [
    'endpoint_slice_controller_endpoints_desired 0',
  ])
})

test('pods become endpoints, ready or not', async () => {
  world.server.add(Nodes, { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z' } }, spec: {} })
  world.server.add(Pods, podOf('a', '10.1.0.1'))
  world.server.add(Pods, podOf('b', '10.1.0.2', { ready: false }))
  world.server.add(Pods, podOf('done', '10.1.0.3', { phase: 'Succeeded' }))
  await world.settle()
  addService()
  await world.settle()
  const [slice, ...more] = slices()
  assert.equal(more.length, 0)
  assert.match(slice!.metadata.name, /^web-[a-z0-9]{5}$/)
  assert.equal(slice!.addressType, 'IPv4')
  assert.deepEqual(slice!.metadata.labels, {
    team: 'a',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  })
  assert.equal(slice!.metadata.ownerReferences?.[0]?.kind, 'Service')
  assert.deepEqual(slice!.ports, [{ name: 'http', protocol: 'TCP', port: 8080 }])
  assert.deepEqual(
    slice!.endpoints!.map(({ addresses, conditions, zone }) => ({ addresses, ...conditions, zone })),
    [
      { addresses: ['10.1.0.1'], ready: true, serving: true, terminating: false, zone: 'z' },
      { addresses: ['10.1.0.2'], ready: false, serving: false, terminating: false, zone: 'z' },
    ],
  )
  const [subset] = legacy()!.subsets!
  assert.deepEqual(
    [subset!.addresses?.map(each => each.ip), subset!.notReadyAddresses?.map(each => each.ip), subset!.ports],
    [['10.1.0.1'], ['10.1.0.2'], [{ name: 'http', port: 8080, protocol: 'TCP' }]],
  )
})

const hints: [string | undefined, object | undefined][] = [
  [undefined, undefined],
  ['PreferClose', { forZones: [{ name: 'z' }] }],
  ['PreferSameZone', { forZones: [{ name: 'z' }] }],
  ['PreferSameNode', { forZones: [{ name: 'z' }], forNodes: [{ name: 'n1' }] }],
]
for (const [trafficDistribution, expected] of hints) {
  test(`for whom endpoints are meant: ${trafficDistribution}`, async () => {
    world.server.add(Nodes, { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z' } }, spec: {} })
    world.server.add(Pods, podOf('a', '10.1.0.1'))
    world.server.add(Pods, podOf('b', '10.1.0.2', { ready: false }))
    await world.settle()
    addService(trafficDistribution === undefined ? {} : { trafficDistribution })
    await world.settle()
    assert.deepEqual(
      slices()[0]!.endpoints!.map(each => each.hints),
      [expected, undefined],
    )
  })
}

test('a pod on its way out still serves but is not ready', async () => {
  world.server.add(Pods, podOf('a', '10.1.0.1'))
  addService()
  await world.settle()
  await world.context.client.resource(Pods).delete('a', { namespace: 'default' })
  await world.settle()
  assert.deepEqual(slices()[0]!.endpoints![0]!.conditions, { ready: false, serving: true, terminating: true })
  assert.equal(legacy()!.subsets?.length ?? 0, 0)
})

test('a service that publishes them has pods that are not ready as endpoints that are', async () => {
  world.server.add(Pods, podOf('a', '10.1.0.1', { ready: false }))
  addService({ publishNotReadyAddresses: true })
  await world.settle()
  assert.deepEqual(slices()[0]!.endpoints![0]!.conditions, { ready: true, serving: false, terminating: false })
  assert.deepEqual(
    legacy()?.subsets?.map(each => [each.addresses?.length, each.notReadyAddresses?.length]),
    [[1, undefined]],
  )
})

test('without endpoints there is one empty slice; without a selector there is none', async () => {
  addService()
  await world.settle()
  assert.deepEqual(addresses(), [[]])
  assert.ok(legacy())
  world.server.add(Services, { metadata: { name: 'manual', namespace: 'default' }, spec: { ports: [{ port: 1 }] } })
  await world.settle()
  assert.equal(slices().length, 1)
  assert.equal(world.server.get(Endpoints, 'manual', 'default'), undefined)
})

test('slices fill up, stay where they are, and go when empty', async () => {
  for (let i = 1; i <= 7; i++) world.server.add(Pods, podOf(`p${i}`, `10.1.0.${i}`))
  await world.settle()
  addService()
  await world.settle()
  assert.deepEqual(
    addresses()
      .map(each => each.length)
      .sort(),
    [1, 3, 3],
  )
  const before = new Map(slices().map(slice => [slice.metadata.name, slice.metadata.resourceVersion]))
  const [full] = slices().filter(slice => slice.endpoints!.length === 3)
  world.server.remove(Pods, full!.endpoints![0]!.targetRef!.name!, 'default')
  await world.settle()
  const untouched = slices().filter(slice => before.get(slice.metadata.name) === slice.metadata.resourceVersion)
  assert.equal(untouched.length, 2)
  for (const pod of world.server.list(Pods)) world.server.remove(Pods, pod.metadata.name, 'default')
  await world.settle()
  assert.deepEqual(addresses(), [[]])
})

test('named ports are looked up pod by pod', async () => {
  const container = (port: number) => ({
    containers: [{ name: 'c', image: 'i', ports: [{ name: 'web', containerPort: port }] }],
  })
  world.server.add(Pods, podOf('a', '10.1.0.1', { spec: container(8080) }))
  world.server.add(Pods, podOf('b', '10.1.0.2', { spec: container(9090) }))
  addService({ ports: [{ port: 80, targetPort: 'web' }] })
  await world.settle()
  assert.deepEqual(
    slices()
      .map(slice => [slice.ports?.[0]?.port, slice.endpoints?.[0]?.addresses[0]])
      .sort(),
    [
      [8080, '10.1.0.1'],
      [9090, '10.1.0.2'],
    ],
  )
})

test('a headless service carries host names and the headless label', async () => {
  world.server.add(Pods, podOf('a', '10.1.0.1', { spec: { hostname: 'a', subdomain: 'web' } }))
  addService({ clusterIP: 'None', ports: [] })
  await world.settle()
  assert.equal(slices()[0]!.endpoints![0]!.hostname, 'a')
  assert.equal(slices()[0]!.metadata.labels?.['service.kubernetes.io/headless'], '')
  assert.equal(legacy()!.subsets![0]!.addresses![0]!.hostname, 'a')
})

test('both families have slices of their own', async () => {
  const pod = podOf('a', '10.1.0.1')
  pod.status.podIPs.push({ ip: 'fd00::1' })
  world.server.add(Pods, pod)
  addService({ ipFamilies: ['IPv4', 'IPv6'] })
  await world.settle()
  assert.deepEqual(
    slices()
      .map(slice => [slice.addressType, slice.endpoints![0]!.addresses[0]])
      .sort(),
    [
      ['IPv4', '10.1.0.1'],
      ['IPv6', 'fd00::1'],
    ],
  )
})

test('what nobody changed is not written again', async () => {
  world.server.add(Pods, podOf('a', '10.1.0.1'))
  addService()
  await world.settle()
  const before = world.server.requests.length
  world.server.change(Pods, 'a', 'default', pod => (pod.metadata.annotations = { x: '1' }))
  world.server.change(Services, 'web', 'default', service => (service.metadata.annotations = { x: '1' }))
  await world.settle(600_000)
  assert.deepEqual(
    world.server.requests.slice(before).filter(request => request.method !== 'GET'),
    [],
  )
})

test('a slice that somebody deletes comes back', async () => {
  world.server.add(Pods, podOf('a', '10.1.0.1'))
  addService()
  await world.settle()
  world.server.remove(EndpointSlices, slices()[0]!.metadata.name, 'default')
  world.server.remove(Endpoints, 'web', 'default')
  await world.settle()
  assert.deepEqual(addresses(), [['10.1.0.1']])
  assert.ok(legacy())
})

describe('pure parts', () => {
  const meta = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
  const service: Service = { metadata: meta, spec: { ports: [{ port: 80 }], clusterIP: '10.0.0.1' } }
  const pods = Array.from({ length: 1200 }, (_, i) => {
    const pod = podOf(`p${i}`, `10.1.${i >> 8}.${i & 255}`, { ready: i % 2 === 0 })
    return { ...pod, metadata: { ...meta, ...pod.metadata, uid: `u${i}` } } as Pod
  })
  test('the older form holds a thousand addresses, the ready ones first', () => {
    const { subsets, isOver } = truncated(subsetsOf(service, pods))
    assert.equal(isOver, true)
    assert.equal(subsets[0]!.addresses!.length, 600)
    assert.equal(subsets[0]!.notReadyAddresses!.length, 400)
  })
  test('a plan applied leaves nothing to plan', () => {
    const state = { service, pods, node: () => undefined, maxEndpoints: 100, triggeredAt: '2026-01-01T00:00:00Z' }
    const first = planSlices({ ...state, slices: [] })
    assert.equal(first.create.length, 12)
    const { families: _, ...changes } = planSlices({ ...state, slices: first.create })
    assert.deepEqual(changes, { create: [], update: [], delete: [] })
  })
})

for (const [verb, method, reason, what] of [
  ['made', 'POST', 'FailedToCreateEndpoint', 'create endpoint for service'],
  ['changed', 'PUT', 'FailedToUpdateEndpoint', 'update endpoint'],
] as const)
  test(`endpoints that cannot be ${verb} are told of, and tried again`, async () => {
    if (method === 'PUT') {
      addService()
      await world.settle()
    }
    const failure = new StatusError({ code: 403, reason: 'Forbidden', message: 'not today' })
    world.server.failNext({ method, path: /\/endpoints(\/|$)/ }, failure)
    world.server.failNext({ method, path: /\/endpointslices/ }, failure)
    world.server.add(Pods, podOf('a', '10.1.0.1'))
    if (method === 'POST') addService()
    await world.settle(10_000)
    assert.deepEqual(
      new Set(world.events),
      new Set([
        `${reason} Failed to ${what} default/web: not today`,
        'FailedToUpdateEndpointSlices Error updating Endpoint Slices for Service default/web: not today',
      ]),
    )
    assert.deepEqual(
      legacy()?.subsets?.[0]?.addresses?.map(each => each.ip),
      ['10.1.0.1'],
    )
    assert.deepEqual(addresses(), [['10.1.0.1']])
  })

test('a pod belongs to the services of its namespace all of whose labels it has, and no longer than it has them', async () => {
  addService({ selector: { app: 'web', tier: 'front' } })
  const labelled = (name: string, ip: string, namespace: string, labels: Record<string, string>): Pod => {
    const pod = podOf(name, ip)
    return { ...pod, metadata: { ...pod.metadata, namespace, labels } } as unknown as Pod
  }
  world.server.add(Pods, labelled('both', '10.1.0.1', 'default', { tier: 'front', app: 'web', more: 'x' }))
  world.server.add(Pods, labelled('one', '10.1.0.2', 'default', { app: 'web' }))
  world.server.add(Pods, labelled('other', '10.1.0.3', 'default', { app: 'web', tier: 'back' }))
  world.server.add(Pods, labelled('elsewhere', '10.1.0.4', 'else', { app: 'web', tier: 'front' }))
  const expectAddresses = async (...expected: string[]): Promise<void> => {
    await world.settle()
    assert.deepEqual(addresses().flat().sort(), expected)
    assert.deepEqual(legacy()?.subsets?.flatMap(each => each.addresses?.map(({ ip }) => ip)) ?? [], expected)
  }
  await expectAddresses('10.1.0.1')
  world.server.change(Pods, 'one', 'default', pod => (pod.metadata.labels = { app: 'web', tier: 'front' }))
  await expectAddresses('10.1.0.1', '10.1.0.2')
  world.server.change(Pods, 'both', 'default', pod => (pod.metadata.labels = { app: 'web' }))
  await expectAddresses('10.1.0.2')
  world.server.change(Services, 'web', 'default', service => (service.spec.selector = { app: 'web' }))
  await expectAddresses('10.1.0.1', '10.1.0.2', '10.1.0.3')
})
