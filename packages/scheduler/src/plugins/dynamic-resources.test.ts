import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { DeviceClasses, Nodes, Pods, ResourceClaims, ResourceSlices } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { Device, DeviceClaim, DeviceRequestAllocationResult, ResourceClaim } from '@canopus/api/resource/v1'
import type { FakeServer } from '@canopus/client/testing'
import { aNode, aPod } from '../testing/builders.ts'
import { anObject, type FakeCluster, startFakeCluster } from '../testing/fake-cluster.ts'

let cluster: FakeCluster | undefined
afterEach(() => cluster?.stop())

const using = (name: string, ...claims: string[]): Pod =>
  aPod(name, { spec: { resourceClaims: claims.map(each => ({ name: each, resourceClaimName: each })) } })

const slice = (node: string, devices: Device[], more: Record<string, unknown> = {}) =>
  anObject(ResourceSlices, `slice-${node}`, {
    spec: {
      driver: 'gpu.example.com',
      pool: { name: node, generation: 1, resourceSliceCount: 1 },
      nodeName: node,
      devices,
      ...more,
    },
  })

const gpu = (name: string, model = 'a', index = 0): Device => ({
  name,
  attributes: { model: { string: model }, index: { int: index }, version: { version: '1.2.3' } },
  capacity: { memory: { value: model === 'a' ? '8Gi' : '80Gi' } },
})

const aClaim = (name: string, devices: DeviceClaim): ResourceClaim =>
  anObject(ResourceClaims, name, { spec: { devices } })
const one = (expression?: string, more: Record<string, unknown> = {}): DeviceClaim => ({
  requests: [
    {
      name: 'r',
      exactly: {
        deviceClassName: 'gpu',
        allocationMode: 'ExactCount',
        count: 1,
        ...(expression ? { selectors: [{ cel: { expression } }] } : {}),
        ...more,
      },
    },
  ],
})

/** A device of one of these models, the first ones rather than the last. */
function either(...models: string[]): DeviceClaim {
  const firstAvailable = models.map(model => ({
    name: `model-${model}`,
    deviceClassName: 'gpu',
    allocationMode: 'ExactCount',
    count: 1,
    selectors: [{ cel: { expression: `device.attributes["gpu.example.com"].model == "${model}"` } }],
  }))
  return { requests: [{ name: 'r', firstAvailable }] }
}

/** Node `a` with two small devices, node `b` with a big one. */
function devices(server: FakeServer): void {
  server.add(Nodes, aNode('a'))
  server.add(Nodes, aNode('b'))
  const expression = 'device.driver == "gpu.example.com"'
  server.add(DeviceClasses, anObject(DeviceClasses, 'gpu', { spec: { selectors: [{ cel: { expression } }] } }))
  server.add(ResourceSlices, slice('a', [gpu('a0', 'a', 0), gpu('a1', 'a', 1)]))
  server.add(ResourceSlices, slice('b', [gpu('b0', 'b')]))
}

function resultsOf(claim: string): readonly DeviceRequestAllocationResult[] {
  return cluster!.server.get(ResourceClaims, claim, 'default')?.status?.allocation?.devices?.results ?? []
}
const devicesOf = (claim: string): string[] => resultsOf(claim).map(each => each.device)

const rows: readonly [what: string, claim: DeviceClaim, devices: string[] | RegExp][] = [
  ['an attribute', one('device.attributes["gpu.example.com"].model == "b"'), ['b0']],
  ['a capacity', one('device.capacity["gpu.example.com"].memory.compareTo(quantity("10Gi")) > 0'), ['b0']],
  [
    'a version',
    one('device.attributes["gpu.example.com"].version.isGreaterThan(semver("2.0.0"))'),
    /cannot allocate all claims/,
  ],
  ['cel.bind', one('cel.bind(d, device.attributes["gpu.example.com"], d.model == "a" && d.index == 1)'), ['a1']],
  ['a domain that is not there', one('"x" in device.attributes["other.example.com"]'), /cannot allocate all claims/],
  [
    'an attribute that is not there',
    one('device.attributes["gpu.example.com"].nothing'),
    /CEL runtime error: no such key: nothing/,
  ],
  ['two of them', one(undefined, { count: 2 }), ['a0', 'a1']],
  ['too many', one(undefined, { count: 3 }), /2 cannot allocate all claims/],
  ['all of a kind', one('device.attributes["gpu.example.com"].model == "a"', { allocationMode: 'All' }), ['a0', 'a1']],
  ['a class that is not there', one(undefined, { deviceClassName: 'no' }), /request r: device class no does not exist/],
  [
    'the first alternative that there is',
    {
      requests: [
        {
          name: 'r',
          firstAvailable: [
            { name: 'many', deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 9 },
            { name: 'two', deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 2 },
          ],
        },
      ],
    },
    ['a0', 'a1'],
  ],
  ['the node where the first alternative is: a', either('a', 'b'), ['a0']],
  ['the node where the first alternative is: b', either('b', 'a'), ['b0']],
  [
    'a constraint that no two devices meet',
    { ...one(undefined, { count: 2 }), constraints: [{ matchAttribute: 'gpu.example.com/index' }] },
    /cannot allocate all claims/,
  ],
  [
    'a constraint that two devices meet',
    { ...one(undefined, { count: 2 }), constraints: [{ matchAttribute: 'gpu.example.com/model' }] },
    ['a0', 'a1'],
  ],
]

for (const [what, devicesWanted, expected] of rows) {
  test(`devices by ${what}`, async () => {
    cluster = await startFakeCluster(server => {
      devices(server)
      server.add(ResourceClaims, aClaim('c', devicesWanted))
      server.add(Pods, using('p', 'c'))
    })
    if (expected instanceof RegExp) {
      assert.match(cluster.scheduled('p')!.message!, expected)
      assert.equal(cluster.nodeOf('p'), undefined)
      return
    }
    assert.deepEqual(devicesOf('c'), expected)
    assert.equal(cluster.nodeOf('p'), expected[0]![0], 'the node of the devices')
  })
}

test('what is written: finalizer, allocation with its node, the pod that it is reserved for', async () => {
  cluster = await startFakeCluster(server => {
    devices(server)
    server.add(ResourceClaims, aClaim('c', one('device.attributes["gpu.example.com"].model == "b"')))
    server.add(Pods, using('p', 'c'))
  })
  const claim = cluster.server.get(ResourceClaims, 'c', 'default')!
  const uid = cluster.server.get(Pods, 'p', 'default')!.metadata.uid
  assert.deepEqual(claim.metadata.finalizers, ['resource.kubernetes.io/delete-protection'])
  assert.deepEqual(claim.status, {
    allocation: {
      allocationTimestamp: '2026-01-01T00:00:00Z',
      devices: { results: [{ request: 'r', driver: 'gpu.example.com', pool: 'b', device: 'b0' }] },
      nodeSelector: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
      },
    },
    reservedFor: [{ resource: 'pods', name: 'p', uid }],
  })
})

test('a device goes to one claim; pods may share a claim; admin access takes nothing away', async () => {
  const big = 'device.attributes["gpu.example.com"].model == "b"'
  cluster = await startFakeCluster(server => {
    devices(server)
    server.add(ResourceClaims, aClaim('c', one(big)))
    server.add(ResourceClaims, aClaim('d', one(big)))
    server.add(ResourceClaims, aClaim('admin', one(big, { adminAccess: true })))
    server.add(Pods, using('p', 'c'))
    server.add(Pods, using('q', 'd'))
    server.add(Pods, using('shares', 'c'))
    server.add(Pods, using('admin', 'admin'))
  })
  await cluster.settle(10_000)
  assert.deepEqual(['p', 'q', 'shares', 'admin'].map(cluster.nodeOf), ['b', undefined, 'b', 'b'])
  assert.equal(resultsOf('admin')[0]?.adminAccess, true)
  assert.match(cluster.scheduled('q')!.message!, /still not schedulable, preemption: /)
  cluster.server.change(ResourceClaims, 'c', 'default', claim => {
    claim.status = {}
  })
  await cluster.settle(10_000)
  assert.equal(cluster.nodeOf('q'), 'b', 'a device that became free wakes who waits for one')
})

test('a pod waits for its claim before it is tried at all', async () => {
  cluster = await startFakeCluster(server => {
    devices(server)
    server.add(Pods, aPod('p', { spec: { resourceClaims: [{ name: 'x', resourceClaimTemplateName: 't' }] } }))
  })
  assert.equal(cluster.scheduled('p'), undefined)
  const { uid } = cluster.server.get(Pods, 'p', 'default')!.metadata
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid, controller: true }
  const claim = aClaim('made', one())
  cluster.server.add(ResourceClaims, { ...claim, metadata: { ...claim.metadata, ownerReferences: [owner] } })
  cluster.server.change(Pods, 'p', 'default', pod => {
    pod.status = { ...pod.status, resourceClaimStatuses: [{ name: 'x', resourceClaimName: 'made' }] }
  })
  await cluster.settle(10_000)
  assert.equal(typeof cluster.nodeOf('p'), 'string')
})

test('taints of devices, and counters that devices share', async () => {
  const partition = (name: string): Device => ({
    name,
    consumesCounters: [{ counterSet: 'whole', counters: { slices: { value: '4' } } }],
  })
  cluster = await startFakeCluster(server => {
    server.add(Nodes, aNode('a'))
    server.add(DeviceClasses, anObject(DeviceClasses, 'gpu', { spec: {} }))
    server.add(
      ResourceSlices,
      slice('a', [partition('p0'), partition('p1'), partition('p2')], {
        pool: { name: 'a', generation: 1, resourceSliceCount: 2 },
      }),
    )
    const counters = anObject(ResourceSlices, 'counters', {
      spec: {
        driver: 'gpu.example.com',
        pool: { name: 'a', generation: 1, resourceSliceCount: 2 },
        allNodes: true,
        sharedCounters: [{ name: 'whole', counters: { slices: { value: '9' } } }],
      },
    })
    server.add(ResourceSlices, counters)
    for (const name of ['1', '2', '3']) {
      server.add(ResourceClaims, aClaim(`c${name}`, one()))
      server.add(Pods, using(`pod${name}`, `c${name}`))
    }
  })
  await cluster.settle(10_000)
  assert.deepEqual(['pod1', 'pod2', 'pod3'].map(cluster.nodeOf), ['a', 'a', undefined])
  const taints = [{ key: 'sick', effect: 'NoSchedule' }]
  cluster.server.add(Nodes, aNode('t'))
  cluster.server.add(ResourceSlices, slice('t', [{ name: 't0', taints }]))
  await cluster.settle(10_000)
  assert.equal(cluster.nodeOf('pod3'), undefined)
  cluster.server.add(
    ResourceClaims,
    aClaim('brave', one(undefined, { tolerations: [{ key: 'sick', operator: 'Exists' }] })),
  )
  cluster.server.add(Pods, using('brave', 'brave'))
  await cluster.settle(10_000)
  assert.equal(cluster.nodeOf('brave'), 't')
})
