import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type NodeFacts, nodeStatus, runtimeAbilities, sameNodeStatus } from './node-status.ts'

const FACTS: NodeFacts = {
  nodeName: 'n',
  nodeIps: ['192.0.2.1'],
  machine: {
    cpus: 2,
    memory: 2 ** 30,
    machineId: 'm',
    systemUuid: 's',
    bootId: 'b',
    kernelVersion: '6.1',
    osImage: 'Linux',
    architecture: 'amd64',
  },
  disk: { capacityBytes: 2 ** 30, availableBytes: 2 ** 29, inodes: 9, freeInodes: 9 },
  memory: { availableBytes: 2 ** 29 } as NodeFacts['memory'],
  freePids: true,
  notReady: undefined,
  runtimeVersion: 'containerd://2',
  runtimeHandlers: [],
  runtimeFeatures: undefined,
  version: 'v1.36.1',
  maxPods: 110,
  reserved: {},
  port: 10250,
  images: [],
  now: '2026-01-01T00:00:00Z',
}

test('a node says what it can do that older ones cannot, in place of what another version said', () => {
  const { declaredFeatures } = nodeStatus(FACTS, { declaredFeatures: ['RestartAllContainersOnContainerExits'] })
  assert.deepEqual(declaredFeatures, ['ExtendWebSocketsToKubelet'])
})

test('a node says what its runtime can do, where that tells', () => {
  const told = runtimeAbilities({
    status: undefined,
    info: {},
    runtimeHandlers: [
      { name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: false } },
      { name: 'old', features: undefined },
    ],
    features: { supplementalGroupsPolicy: true },
  })
  const { runtimeHandlers, features } = nodeStatus({ ...FACTS, ...told }, undefined)
  assert.deepEqual(runtimeHandlers, [
    { name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: false } },
    { name: 'old', features: { recursiveReadOnlyMounts: false, userNamespaces: false } },
  ])
  assert.deepEqual(features, { supplementalGroupsPolicy: true })
  const nothing = runtimeAbilities({ status: undefined, info: {}, runtimeHandlers: [], features: undefined })
  const silent = nodeStatus({ ...FACTS, ...nothing }, undefined)
  assert.deepEqual([silent.runtimeHandlers, 'features' in silent], [[], false])
})

test('what others say that the node has stays, and is there for pods; what they no longer say is gone', () => {
  const own = nodeStatus(FACTS, undefined)
  const dongles = (status: typeof own) =>
    [status.capacity, status.allocatable].map(resources => resources?.['example.com/dongle'])
  const told = { ...own, capacity: { 'example.com/dongle': '4', ...own.capacity, cpu: '64' } }
  const kept = nodeStatus(FACTS, told)
  assert.deepEqual(dongles(kept), ['4', '4'])
  assert.equal(kept.capacity?.cpu, '2')
  assert.equal(sameNodeStatus(told, kept), false)
  assert.deepEqual(dongles(nodeStatus(FACTS, { ...kept, capacity: own.capacity! })), [undefined, undefined])
})

test('the same in another order, or at another time, is no news', () => {
  const status = nodeStatus(FACTS, undefined)
  const reordered = Object.fromEntries(Object.entries(status.capacity!).reverse())
  assert.equal(sameNodeStatus({ ...nodeStatus({ ...FACTS, now: 'later' }, status), capacity: reordered }, status), true)
  assert.equal(sameNodeStatus(status, nodeStatus({ ...FACTS, notReady: 'because' }, status)), false)
})
