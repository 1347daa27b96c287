import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type NodeFacts, nodeStatus } from './node-status.ts'

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
