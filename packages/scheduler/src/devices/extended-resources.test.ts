import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { DeviceClasses, Nodes, Pods, ResourceClaims, ResourceSlices } from '@canopus/api'
import type { Container } from '@canopus/api/core/v1'
import type { DeviceClass } from '@canopus/api/resource/v1'
import type { FakeServer } from '@canopus/client/testing'
import { aNode, aPod } from '../testing/builders.ts'
import { anObject, type FakeCluster, startFakeCluster } from '../testing/fake-cluster.ts'
import { classesByResource, mayBeDevices, requestsFor } from './extended-resources.ts'

let cluster: FakeCluster | undefined
afterEach(() => cluster?.stop())

const aClass = (name: string, extendedResourceName?: string, creationTimestamp = '2026-01-01T00:00:00Z'): DeviceClass =>
  anObject(DeviceClasses, name, { metadata: { creationTimestamp }, spec: { extendedResourceName } })

test('of classes for one resource the younger is meant, then the first by name', () => {
  const young = '2026-02-01T00:00:00Z'
  const found = classesByResource([
    aClass('b', 'x.com/r'),
    aClass('a', 'x.com/r'),
    aClass('c', 'x.com/s'),
    aClass('d', 'x.com/s', young),
  ])
  assert.deepEqual([...found].map(([resource, each]) => `${resource} ${each.metadata.name}`).toSorted(), [
    ...['a', 'b', 'c', 'd'].map(each => `deviceclass.resource.kubernetes.io/${each} ${each}`),
    'x.com/r a',
    'x.com/s d',
  ])
})

test('which resources devices may stand for', () => {
  const names = ['cpu', 'hugepages-2Mi', 'kubernetes.io/x', 'x.com/gpu', 'requests.x.com/gpu']
  assert.deepEqual(names.filter(mayBeDevices), ['x.com/gpu'])
  assert.ok(mayBeDevices('deviceclass.resource.kubernetes.io/gpu'))
})

type Row = readonly [
  what: string,
  init: Partial<Container>[],
  containers: Partial<Container>[],
  requests: string,
  mappings: string,
]
const asks = (gpus: string, more: Partial<Container> & { other?: string } = {}): Partial<Container> => {
  const { other, ...rest } = more
  return {
    resources: { requests: { cpu: '1', 'x.com/gpu': gpus, ...(other ? { 'x.com/other': other } : {}) } },
    ...rest,
  }
}
const sidecar = { restartPolicy: 'Always' }
const rows: readonly Row[] = [
  ['one container', [], [asks('2')], 'container-0-request-1=2', 'm0>container-0-request-1'],
  [
    'two',
    [],
    [asks('1'), asks('3')],
    'container-0-request-1=1 container-1-request-1=3',
    'm0>container-0-request-1 m1>container-1-request-1',
  ],
  ['none', [], [{}], '', ''],
  [
    'what starts uses what runs later',
    [asks('2')],
    [asks('3')],
    'container-1-request-1=3',
    'm0>container-1-request-1 i0>container-1-request-1',
  ],
  [
    'and more where that is too little',
    [asks('5')],
    [asks('3')],
    'container-0-request-1=2 container-1-request-1=3',
    'm0>container-1-request-1 i0>container-1-request-1 i0>container-0-request-1',
  ],
  [
    'those that start share it',
    [asks('4'), asks('5')],
    [asks('3')],
    'container-1-request-1=2 container-2-request-1=3',
    'm0>container-2-request-1 i0>container-2-request-1 i0>container-1-request-1 i1>container-2-request-1 i1>container-1-request-1',
  ],
  [
    'a sidecar runs on',
    [asks('1', sidecar), asks('1')],
    [asks('1')],
    'container-0-request-1=1 container-2-request-1=1',
    'i0>container-0-request-1 m0>container-2-request-1 i1>container-2-request-1',
  ],
  [
    'resources by their names',
    [],
    [asks('1', { other: '1' })],
    'container-0-request-1=1 container-0-request-2=1',
    'm0>container-0-request-1 m0>container-0-request-2',
  ],
]
for (const [what, init, containers, requests, mappings] of rows) {
  test(`what to ask for: ${what}`, () => {
    const named = (prefix: string) => (each: Partial<Container>, index: number) => ({
      name: `${prefix}${index}`,
      ...each,
    })
    const pod = aPod('p', {
      spec: { initContainers: init.map(named('i')), containers: containers.map(named('m')) } as never,
    })
    const found = requestsFor(pod, ['x.com/other', 'x.com/gpu'], resource => aClass(resource.slice(6)))
    assert.equal(found.requests.map(each => `${each.name}=${each.exactly!.count}`).join(' '), requests)
    assert.equal(found.mappings.map(each => `${each.containerName}>${each.requestName}`).join(' '), mappings)
  })
}

function gpus(server: FakeServer): void {
  server.add(Nodes, aNode('plain'))
  server.add(Nodes, aNode('plugin', { allocatable: { 'x.com/gpu': '1' } }))
  server.add(Nodes, aNode('dra'))
  const pool = { name: 'dra', generation: 1, resourceSliceCount: 1 }
  const devices = [{ name: 'g0' }, { name: 'g1' }]
  const spec = { driver: 'd.example.com', pool, nodeName: 'dra', devices }
  server.add(ResourceSlices, anObject(ResourceSlices, 'slice', { spec }))
}
const wanting = (name: string, gpu: string) => aPod(name, { requests: { 'x.com/gpu': gpu } })

test('devices serve an extended resource where a node has none of its own', async () => {
  cluster = await startFakeCluster(server => {
    gpus(server)
    server.add(DeviceClasses, aClass('gpu', 'x.com/gpu'))
    server.add(Pods, wanting('p', '2'))
  })
  assert.equal(cluster.nodeOf('p'), 'dra')
  const pod = cluster.server.get(Pods, 'p', 'default')!
  const { resourceClaimName, requestMappings } = pod.status!.extendedResourceClaimStatus!
  assert.deepEqual(requestMappings, [
    { containerName: 'main', resourceName: 'x.com/gpu', requestName: 'container-0-request-0' },
  ])
  const claim = cluster.server.get(ResourceClaims, resourceClaimName, 'default')!
  assert.equal(claim.metadata.generateName, 'p-extended-resources-')
  assert.deepEqual(cluster.figures(/^scheduler_resourceclaim_creates/), [
    'scheduler_resourceclaim_creates_total{status="success"} 1',
  ])
  assert.equal(claim.metadata.annotations!['resource.kubernetes.io/extended-resource-claim'], 'true')
  assert.equal(claim.metadata.ownerReferences![0]!.uid, pod.metadata.uid)
  assert.deepEqual(
    claim.status!.allocation!.devices!.results!.map(each => `${each.request} ${each.device}`),
    ['container-0-request-0 g0', 'container-0-request-0 g1'],
  )
  assert.deepEqual(
    claim.status!.reservedFor!.map(each => each.name),
    ['p'],
  )
  cluster.server.add(Pods, wanting('small', '1'))
  cluster.server.add(Pods, wanting('late', '1'))
  await cluster.settle(10_000)
  const nodes = ['small', 'late'].map(each => cluster!.nodeOf(each))
  assert.deepEqual(nodes.toSorted(), ['plugin', undefined], 'no device is left, and the other node had one only')
  const left = nodes[0] === undefined ? 'small' : 'late'
  assert.match(
    cluster.scheduled(left)!.message!,
    /^0\/3 nodes are available: 1 Insufficient x\.com\/gpu, 2 cannot allocate all claims\. still not schedulable, /,
  )
})

test('a class that comes to stand for the resource wakes who waits for it; one may be named by the resource itself', async () => {
  cluster = await startFakeCluster(server => {
    gpus(server)
    server.add(Pods, wanting('p', '2'))
    server.add(Pods, aPod('q', { requests: { 'deviceclass.resource.kubernetes.io/gpu': '1' } }))
  })
  assert.match(cluster.scheduled('p')!.message!, /^0\/3 nodes are available: 3 Insufficient x\.com\/gpu\./)
  cluster.server.add(DeviceClasses, aClass('gpu'))
  await cluster.settle(10_000)
  assert.deepEqual(['p', 'q'].map(cluster.nodeOf), [undefined, 'dra'])
  cluster.server.add(DeviceClasses, aClass('other', 'x.com/gpu'))
  await cluster.settle(10_000)
  assert.equal(cluster.nodeOf('p'), undefined, 'one of the devices is taken')
  assert.match(cluster.scheduled('p')!.message!, /1 Insufficient x\.com\/gpu, 2 cannot allocate all claims/)
})

test('a claim that an earlier attempt has left goes first', async () => {
  cluster = await startFakeCluster(server => {
    gpus(server)
    server.add(DeviceClasses, aClass('gpu', 'x.com/gpu'))
    const pod = wanting('p', '2')
    const annotations = { 'resource.kubernetes.io/extended-resource-claim': 'true' }
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata.uid, controller: true }
    const requests = [{ name: 'r', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 2 } }]
    const finalizers = ['resource.kubernetes.io/delete-protection']
    const metadata = { annotations, ownerReferences: [owner], finalizers }
    server.add(ResourceClaims, anObject(ResourceClaims, 'left', { metadata, spec: { devices: { requests } } }))
    server.add(Pods, pod)
  })
  await cluster.settle(10_000)
  assert.match(cluster.events[0]!, /cannot schedule extended resource claim.*deletion of ResourceClaim completed/)
  assert.equal(cluster.server.get(ResourceClaims, 'left', 'default'), undefined)
  assert.equal(cluster.nodeOf('p'), 'dra')
})
