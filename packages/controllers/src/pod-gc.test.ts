import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Nodes, Pods } from '@canopus/api'
import type { PodStatus } from '@canopus/api/core/v1'
import { createClient, type Transport } from '@canopus/client'
import { createPodGarbageCollector } from './pod-gc.ts'
import { createWorld, type World } from './testing/world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.stop())
const addPod = (name: string, more: { node?: string; phase?: string; reason?: string; deleted?: boolean } = {}) =>
  world.server.add(Pods, {
    metadata: {
      name,
      generation: 3,
      ...(more.deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 } : {}),
    },
    spec: { containers: [], ...(more.node ? { nodeName: more.node } : {}) },
    status: { phase: more.phase ?? 'Running', ...(more.reason && { reason: more.reason }) },
  })
const patched = () =>
  (world.server.requests.find(request => request.method === 'PATCH')?.body as { status: PodStatus } | undefined)?.status
const names = () => world.server.list(Pods).map(pod => pod.metadata.name)

test('finished pods beyond the threshold go, the oldest first', async () => {
  for (const name of ['a', 'b', 'c', 'd']) {
    addPod(name, { phase: 'Succeeded' })
    await world.clock.advance(1_000)
  }
  addPod('running')
  await world.start(createPodGarbageCollector(world.context, { terminatedPodThreshold: 2 }))
  await world.settle()
  assert.deepEqual(names(), ['c', 'd', 'running'])
})

test('pods of a node that is gone are failed and removed after a while', async () => {
  world.server.add(Nodes, { metadata: { name: 'n' }, spec: {} })
  addPod('here', { node: 'n' })
  addPod('lost', { node: 'gone' })
  await world.start(createPodGarbageCollector(world.context))
  await world.settle(30_000)
  assert.deepEqual(names(), ['here', 'lost'])
  await world.settle(30_000)
  assert.deepEqual(names(), ['here'])
  const { phase, observedGeneration, conditions } = patched() as Required<PodStatus>
  assert.deepEqual([phase, observedGeneration], ['Failed', 3])
  const { reason, message, observedGeneration: about } = conditions[0]!
  assert.deepEqual([reason, message, about], ['DeletionByPodGC', 'PodGC: node no longer exists', 3])
  assert.deepEqual(world.figures(/^pod_gc_collector/), [
    'pod_gc_collector_force_delete_pods_total{namespace="default",reason="orphaned"} 1',
  ])
})

test('of finished pods beyond the threshold, those that were evicted go first, then those of lesser names', async () => {
  for (const name of ['b', 'a', 'c']) addPod(name, { phase: 'Failed' })
  await world.clock.advance(1_000)
  addPod('late', { phase: 'Failed', reason: 'Evicted' })
  await world.start(createPodGarbageCollector(world.context, { terminatedPodThreshold: 2 }))
  await world.settle()
  assert.deepEqual(names(), ['b', 'c'])
})

test('a pod that was deleted before it found a node is failed and goes', async () => {
  addPod('unplaced', { deleted: true, phase: 'Pending' })
  addPod('pending', { phase: 'Pending' })
  await world.start(createPodGarbageCollector(world.context))
  await world.settle()
  assert.deepEqual(names(), ['pending'])
  assert.deepEqual(patched(), { phase: 'Failed', observedGeneration: 3 })
})

test('pods on their way out of a node out of service go', async () => {
  world.server.add(Nodes, {
    metadata: { name: 'n' },
    spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
  })
  addPod('leaving', { node: 'n', deleted: true })
  addPod('staying', { node: 'n' })
  await world.start(createPodGarbageCollector(world.context))
  await world.settle()
  assert.deepEqual(names(), ['staying'])
  assert.deepEqual(patched(), { phase: 'Failed', observedGeneration: 3 }, 'no disruption: its node is there')
})

test('a removal that failed is tried again, though nothing has changed', async () => {
  addPod('unplaced', { deleted: true, phase: 'Pending' })
  const { client } = world.context
  let left = 1
  const transport: Transport = {
    send: request => {
      if (request.method === 'DELETE' && left-- > 0) throw new Error('connection refused')
      return client.transport.send(request)
    },
  }
  await world.start(createPodGarbageCollector({ ...world.context, client: createClient(transport) }))
  await world.settle()
  assert.deepEqual(names(), ['unplaced'])
  await world.settle(20_000)
  assert.deepEqual(names(), [])
})
