import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { DeviceClasses, Nodes, Pods, ResourceClaims, ResourceSlices } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { Device, ResourceClaim } from '@canopus/api/resource/v1'
import type { FakeServer } from '@canopus/client/testing'
import { readConfiguration } from '../config/configuration.ts'
import { aNode, aPod } from '../testing/builders.ts'
import { anObject, type FakeCluster, startFakeCluster } from '../testing/fake-cluster.ts'

let cluster: FakeCluster | undefined
afterEach(() => cluster?.stop())

const using = (name: string, claim: string): Pod =>
  aPod(name, { spec: { resourceClaims: [{ name: 'c', resourceClaimName: claim }] } })

function aSlice(name: string, devices: Device[]) {
  const pool = { name, generation: 1, resourceSliceCount: 1 }
  return anObject(ResourceSlices, `slice-${name}`, { spec: { driver: 'd.example.com', pool, nodeName: name, devices } })
}

function aClaim(name: string, more: Record<string, unknown> = {}): ResourceClaim {
  const exactly = { deviceClassName: 'any', allocationMode: 'ExactCount', count: 1, ...more }
  return anObject(ResourceClaims, name, { spec: { devices: { requests: [{ name: 'r', exactly }] } } })
}

const onWire = (name: string): Device => ({
  name,
  bindingConditions: ['example.com/attached'],
  bindingFailureConditions: ['example.com/broken'],
})

function devices(server: FakeServer): void {
  server.add(DeviceClasses, anObject(DeviceClasses, 'any', { spec: {} }))
  for (const name of ['a', 'b']) {
    server.add(Nodes, aNode(name))
    server.add(ResourceSlices, aSlice(name, [onWire(`${name}0`)]))
  }
  server.add(ResourceClaims, aClaim('c'))
  server.add(Pods, using('p', 'c'))
}

const claim = () => cluster!.server.get(ResourceClaims, 'c', 'default')!
const deviceOf = (): string | undefined => claim().status?.allocation?.devices?.results?.[0]?.device

/** The driver says of the claim's device that a condition holds. */
function say(type: string, reason = 'Because'): void {
  const { driver, pool, device } = claim().status!.allocation!.devices!.results![0]!
  const condition = { type, status: 'True', reason, message: 'so it is', lastTransitionTime: '2026-01-01T00:00:00Z' }
  cluster!.server.change(ResourceClaims, 'c', 'default', each => {
    each.status = { ...each.status, devices: [{ driver, pool, device, conditions: [condition] }] }
  })
}

test('a pod is bound once the driver has prepared the device', async () => {
  cluster = await startFakeCluster(devices)
  const device = deviceOf()!
  const node = device[0]!
  assert.equal(cluster.nodeOf('p'), undefined, 'the device is allocated, but not prepared')
  assert.equal(claim().status?.reservedFor?.length, 1)
  assert.ok(
    cluster.events.includes(
      `p Normal BindingConditionsPending: waiting for binding conditions for device on node ${node}`,
    ),
  )
  const nominated = () => cluster!.server.get(Pods, 'p', 'default')?.status?.nominatedNodeName
  assert.equal(nominated(), node, 'it is said where the pod will go')
  await cluster.settle(60_000)
  assert.equal(cluster.nodeOf('p'), undefined)
  say('example.com/attached')
  await cluster.settle(0)
  assert.equal(cluster.nodeOf('p'), node, 'at once')
})

test('a device that cannot be prepared is given back, and another one is tried', async () => {
  cluster = await startFakeCluster(devices)
  const device = deviceOf()
  say('example.com/broken', 'Smoke')
  await cluster.settle(0)
  const failed = 'device binding failed: claim=c, reason=Smoke, message="so it is"'
  assert.equal(cluster.scheduled('p')!.reason, 'SchedulerError')
  assert.equal(cluster.scheduled('p')!.message, `running PreBind plugin "DynamicResources": ${failed}`)
  assert.equal(deviceOf(), device)
  assert.equal(cluster.server.get(Pods, 'p', 'default')?.status?.nominatedNodeName, undefined)
  // The next attempt finds it lost and gives it back, the one after that may get it again, or the other one.
  await cluster.settle(2000)
  assert.match(
    cluster.scheduled('p')!.message!,
    /^0\/2 nodes are available: 2 resourceclaim not available on the node\. deallocation of ResourceClaim completed/,
  )
  await cluster.settle(20_000)
  assert.notEqual(deviceOf(), undefined)
  say('example.com/attached')
  await cluster.settle(0)
  assert.equal(cluster.nodeOf('p'), deviceOf()![0])
})

test('a device that is not prepared in time is given back', async () => {
  const pluginConfig = [{ name: 'DynamicResources', args: { bindingTimeout: '90s' } }]
  cluster = await startFakeCluster(devices, { configuration: readConfiguration({ profiles: [{ pluginConfig }] }) })
  await cluster.settle(85_000)
  assert.equal(cluster.scheduled('p'), undefined)
  await cluster.settle(6000)
  assert.ok(
    cluster.events.includes(
      'p Warning FailedScheduling: running PreBind plugin "DynamicResources": device binding timeout: claim=c',
    ),
  )
  assert.match(cluster.scheduled('p')!.message!, /deallocation of ResourceClaim completed/)
})

test('a pod waits for a claim that is being allocated for another one', async () => {
  cluster = await startFakeCluster(server => {
    devices(server)
    server.add(Pods, using('q', 'c'))
  })
  const [first, second] = claim().status!.reservedFor![0]!.name === 'p' ? ['p', 'q'] : ['q', 'p']
  await cluster.settle(0)
  assert.deepEqual([cluster.nodeOf(first!), cluster.nodeOf(second!)], [undefined, undefined])
  say('example.com/attached')
  await cluster.settle(15_000)
  assert.deepEqual([cluster.nodeOf(first!), cluster.nodeOf(second!)], [deviceOf()![0], deviceOf()![0]])
})

test('shares of a device that pods at the same time and later get', async () => {
  const capacity = { mem: { value: '8Gi' } }
  cluster = await startFakeCluster(server => {
    server.add(Nodes, aNode('a'))
    server.add(DeviceClasses, anObject(DeviceClasses, 'any', { spec: {} }))
    server.add(ResourceSlices, aSlice('a', [{ name: 'x', allowMultipleAllocations: true, capacity }]))
    for (const [name, mem] of [
      ['c', '3Gi'],
      ['d', '4Gi'],
      ['e', '2Gi'],
    ] as const) {
      server.add(ResourceClaims, aClaim(name, { capacity: { requests: { mem } } }))
      server.add(Pods, using(`pod-${name}`, name))
    }
  })
  await cluster.settle(0)
  const placed = () => ['c', 'd', 'e'].filter(each => cluster!.nodeOf(`pod-${each}`) === 'a')
  assert.deepEqual(placed(), ['c', 'd'])
  const [result] = claim().status!.allocation!.devices!.results!
  assert.match(result!.shareID!, /^[0-9a-f-]{36}$/)
  assert.deepEqual(result!.consumedCapacity, { mem: '3Gi' })
  cluster.server.change(ResourceClaims, 'c', 'default', each => {
    each.status = {}
  })
  await cluster.settle(15_000)
  assert.deepEqual(placed(), ['c', 'd', 'e'])
})

test('a pod whose devices are being prepared makes room for a more important one, and is not deleted for it', async () => {
  cluster = await startFakeCluster(server => {
    devices(server)
    for (const name of ['a', 'b']) {
      server.add(Pods, aPod(`fills-${name}`, { requests: { cpu: '3' }, spec: { nodeName: name, priority: 1000 } }))
    }
    server.change(Pods, 'p', 'default', pod => {
      pod.spec!.containers[0]!.resources = { requests: { cpu: '1' } }
    })
  })
  const node = deviceOf()![0]!
  const vip = aPod('vip', {
    requests: { cpu: '1' },
    spec: { priority: 100, nodeSelector: { 'kubernetes.io/hostname': node } },
  })
  cluster.server.add(Pods, vip)
  await cluster.settle(5000)
  const message = `Preempted by pod ${vip.metadata.uid} on node ${node} (in kube-scheduler memory).`
  assert.ok(cluster.events.includes(`p Normal Preempted: ${message}`))
  const failed = 'running PreBind plugin "DynamicResources": preempted by DefaultPreemption'
  assert.ok(cluster.events.includes(`p Warning FailedScheduling: ${failed}`))
  assert.equal(cluster.nodeOf('vip'), node)
  const pod = cluster.server.get(Pods, 'p', 'default')
  assert.equal(pod?.metadata.deletionTimestamp, undefined)
  assert.equal(pod?.spec?.nodeName, undefined)
})
