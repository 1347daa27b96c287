import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Pods, ReplicaSets, ReplicationControllers } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { forbiddenError } from '@canopus/apimachinery'
import { createClient, createInformerFactory, type Transport } from '@canopus/client'
import { createReplicaSetController, createReplicationController, planScaling } from './replica-set.ts'
import { createWorld, type World } from './testing/world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.stop())

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
const addReplicaSet = (replicas: number, more: object = {}) =>
  world.server.add(ReplicaSets, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template, ...more },
  })
const status = () => world.server.get(ReplicaSets, 'web', 'default')!.status
const makeReady = (name: string) =>
  world.server.change(Pods, name, 'default', pod => {
    const now = new Date(world.clock.now()).toISOString()
    pod.status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }] }
  })

test('creates pods, counts them as they become ready, replaces what goes away', async () => {
  addReplicaSet(3)
  await world.start(createReplicaSetController(world.context))
  await world.settle()
  const pods = world.server.list(Pods)
  assert.equal(pods.length, 3)
  assert.match(pods[0]!.metadata.name, /^web-[a-z0-9]{5}$/)
  assert.deepEqual(pods[0]!.metadata.labels, { app: 'web' })
  assert.equal(pods[0]!.metadata.ownerReferences?.[0]?.kind, 'ReplicaSet')
  for (const pod of pods) makeReady(pod.metadata.name)
  await world.settle()
  assert.deepEqual(status(), {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    observedGeneration: 1,
    terminatingReplicas: 0,
  })
  assert.equal(world.events.filter(event => event.startsWith('SuccessfulCreate Created pod: web-')).length, 3)
  world.server.remove(Pods, pods[0]!.metadata.name, 'default')
  await world.settle()
  assert.equal(world.server.list(Pods).length, 3)
  assert.equal(status()?.readyReplicas, 2)
})

test('scales down to what is wished and not one further', async () => {
  addReplicaSet(5)
  await world.start(createReplicaSetController(world.context))
  await world.settle()
  world.server.change(ReplicaSets, 'web', 'default', object => (object.spec.replicas = 2))
  await world.settle()
  assert.equal(world.server.list(Pods).length, 2)
  assert.equal(world.server.requests.filter(request => request.method === 'DELETE').length, 3)
})

test('figures tell how old the pods are that go, beside the youngest', async () => {
  addReplicaSet(1)
  await world.start(createReplicaSetController(world.context))
  await world.settle(60_000)
  world.server.change(ReplicaSets, 'web', 'default', object => (object.spec.replicas = 2))
  await world.settle()
  for (const pod of world.server.list(Pods)) makeReady(pod.metadata.name)
  await world.settle(20_000)
  world.server.change(ReplicaSets, 'web', 'default', object => (object.spec.replicas = 1))
  await world.settle()
  assert.deepEqual(world.figures(/^replicaset_controller_sorting_deletion_age_ratio_(count|sum)/), [
    'replicaset_controller_sorting_deletion_age_ratio_sum 1',
    'replicaset_controller_sorting_deletion_age_ratio_count 1',
  ])
  world.server.change(ReplicaSets, 'web', 'default', object => (object.spec.replicas = 0))
  await world.settle()
  assert.deepEqual(world.figures(/^replicaset_controller_sorting_deletion_age_ratio_count/), [
    'replicaset_controller_sorting_deletion_age_ratio_count 1',
  ])
})

test('a pod that fails is replaced and left for others to clean up', async () => {
  addReplicaSet(1)
  await world.start(createReplicaSetController(world.context))
  await world.settle()
  const [pod] = world.server.list(Pods)
  world.server.change(Pods, pod!.metadata.name, 'default', each => (each.status = { phase: 'Failed' }))
  await world.settle()
  assert.equal(world.server.list(Pods).length, 2)
  assert.equal(status()?.replicas, 1)
})

test('adopts a matching orphan and releases a pod whose labels changed', async () => {
  world.server.add(Pods, { metadata: { name: 'orphan', labels: { app: 'web' } }, spec: template.spec })
  addReplicaSet(1)
  await world.start(createReplicaSetController(world.context))
  await world.settle()
  assert.equal(world.server.list(Pods).length, 1)
  assert.equal(world.server.get(Pods, 'orphan', 'default')?.metadata.ownerReferences?.[0]?.name, 'web')
  world.server.change(Pods, 'orphan', 'default', pod => (pod.metadata.labels = { app: 'debug' }))
  await world.settle()
  assert.equal(world.server.list(Pods).length, 2)
  assert.deepEqual(world.server.get(Pods, 'orphan', 'default')?.metadata.ownerReferences ?? [], [])
})

test('a refusal becomes the condition ReplicaFailure and goes with its cause', async () => {
  const refusal = forbiddenError({ group: '', resource: 'pods', name: 'web-x' }, 'exceeded quota: q')
  world.server.failNext({ method: 'POST', path: /pods/ }, refusal, 2)
  addReplicaSet(2)
  await world.start(createReplicaSetController(world.context))
  const failure = status()?.conditions?.[0]
  assert.equal(failure?.type, 'ReplicaFailure')
  assert.equal(failure?.reason, 'FailedCreate')
  assert.equal(failure?.message, 'pods "web-x" is forbidden: exceeded quota: q')
  assert.ok(world.events.includes('FailedCreate Error creating: pods "web-x" is forbidden: exceeded quota: q'))
  await world.settle(60_000)
  assert.equal(world.server.list(Pods).length, 2)
  assert.equal(status()?.conditions, undefined)
})

test('minReadySeconds: ready counts at once, available later', async () => {
  addReplicaSet(1, { minReadySeconds: 30 })
  await world.start(createReplicaSetController(world.context))
  await world.settle()
  makeReady(world.server.list(Pods)[0]!.metadata.name)
  await world.settle(10_000)
  assert.equal(status()?.readyReplicas, 1)
  assert.equal(status()?.availableReplicas, 0)
  await world.settle(21_000)
  assert.equal(status()?.availableReplicas, 1)
})

test('replication controllers work the same way', async () => {
  world.server.add(ReplicationControllers, {
    metadata: { name: 'old', namespace: 'default' },
    spec: { replicas: 2, selector: { app: 'web' }, template },
  })
  await world.start(createReplicationController(world.context))
  await world.settle()
  assert.equal(world.server.list(Pods).length, 2)
  assert.equal(world.server.get(ReplicationControllers, 'old', 'default')?.status?.replicas, 2)
})

test('a slow watch makes no pod twice: what was made must be seen first', async () => {
  let open = Promise.resolve()
  let release = (): void => {}
  /** Holds back what the watch of pods brings. */
  const slow: Transport = {
    async send(request) {
      const response = await world.server.send(request)
      if (!/\/pods\?.*watch=/.test(request.path)) return response
      return {
        ...response,
        async *chunks() {
          for await (const chunk of response.chunks()) {
            await open
            yield chunk
          }
        },
      }
    },
  }
  const informers = createInformerFactory({ ...world.context, client: createClient(slow) })
  const stop = new AbortController()
  const running = createReplicaSetController({ ...world.context, informers }).run(stop.signal)
  informers.start(stop.signal)
  await world.settle()
  open = new Promise(resolve => {
    release = resolve
  })
  addReplicaSet(3)
  await world.settle()
  assert.equal(world.server.list(Pods).length, 3)
  for (const replicas of [4, 3]) {
    world.server.change(ReplicaSets, 'web', 'default', set => {
      set.spec.replicas = replicas
    })
    await world.settle(10_000)
    assert.equal(world.server.list(Pods).length, 3)
  }
  world.server.change(ReplicaSets, 'web', 'default', set => {
    set.spec.replicas = 4
  })
  release()
  await world.settle(10_000)
  assert.equal(world.server.list(Pods).length, 4)
  stop.abort()
  await running
})

describe('planScaling', () => {
  const pod = (
    name: string,
    facts: { node?: string; phase?: string; ready?: boolean; cost?: number; restarts?: number },
  ): Pod => ({
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(facts.cost === undefined
        ? {}
        : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': String(facts.cost) } }),
    },
    spec: { containers: [], ...(facts.node ? { nodeName: facts.node } : {}) },
    status: {
      phase: facts.phase ?? 'Running',
      conditions: [{ type: 'Ready', status: facts.ready === false ? 'False' : 'True' }],
      containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: facts.restarts ?? 0 }],
    },
  })
  const table: [string, Pod, Pod][] = [
    ['unassigned before assigned', pod('first', {}), pod('second', { node: 'n', phase: 'Pending', ready: false })],
    [
      'pending before running',
      pod('first', { node: 'n', phase: 'Pending' }),
      pod('second', { node: 'n', ready: false }),
    ],
    ['not ready before ready', pod('first', { node: 'n', ready: false }), pod('second', { node: 'n', cost: -5 })],
    ['cheap before dear', pod('first', { node: 'n', cost: -1 }), pod('second', { node: 'n', restarts: 9 })],
    ['restarted before steady', pod('first', { node: 'n', restarts: 3 }), pod('second', { node: 'n' })],
  ]
  for (const [name, first, second] of table) {
    test(name, () => {
      const scaling = planScaling(1, [second, first], () => [], Date.UTC(2026, 0, 2))
      assert.deepEqual(scaling, { type: 'delete', pods: [first] })
    })
  }
  test('the node with more of the same loses one', () => {
    const pods = [pod('a', { node: 'n1' }), pod('b', { node: 'n2' }), pod('c', { node: 'n2' })]
    const scaling = planScaling(2, pods, () => pods, 0)
    assert.ok(scaling.type === 'delete' && scaling.pods[0]!.spec?.nodeName === 'n2')
  })
  test('no more than 500 at a time', () => {
    assert.deepEqual(
      planScaling(10_000, [], () => [], 0),
      { type: 'create', count: 500 },
    )
    assert.deepEqual(
      planScaling(0, [], () => [], 0),
      { type: 'none' },
    )
  })
})
