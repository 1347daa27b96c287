import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Nodes, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { findCondition, internalError } from '@canopus/apimachinery'
import { SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient, createInformerFactory } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import type { ControllerContext } from '@canopus/operator'
import { createScheduler, type SchedulerOptions } from './scheduler.ts'
import { aNode, aPod } from './testing/builders.ts'

let clock: SimulatedClock
let server: FakeServer
let stop: AbortController
let events: string[]
let running: Promise<void> | undefined

beforeEach(() => {
  clock = new SimulatedClock()
  server = createFakeServer({ clock })
  stop = new AbortController()
  events = []
})

afterEach(async () => {
  stop.abort()
  await running
})

function newContext(): ControllerContext {
  const client = createClient(server)
  const random = new SeededRandom(1)
  const informers = createInformerFactory({ client, clock, random, logger: silentLogger })
  const recorder = {
    event: (about: { metadata: { name: string } }, type: string, reason: string, message: string): void => {
      events.push(`${about.metadata.name} ${type} ${reason}: ${message}`)
    },
  }
  return { client, informers, clock, random, logger: silentLogger, events: recorder }
}

async function start(options: SchedulerOptions = {}): Promise<void> {
  const context = newContext()
  running = createScheduler(context, options).run(stop.signal)
  context.informers.start(stop.signal)
  await clock.advance(0)
}

const nodeOf = (name: string): string | undefined => server.get(Pods, name, 'default')?.spec?.nodeName
const scheduled = (name: string): ReturnType<typeof findCondition> =>
  findCondition(server.get(Pods, name, 'default')?.status?.conditions, 'PodScheduled')
const bindings = (): string[] => server.requests.filter(each => each.path.endsWith('/binding')).map(each => each.path)

test('binds pods that are there and pods that come', async () => {
  server.add(Nodes, aNode('n1'))
  server.add(Pods, aPod('early'))
  server.add(Pods, aPod('other', { spec: { schedulerName: 'mine' } }))
  await start()
  assert.equal(nodeOf('early'), 'n1')
  server.add(Pods, aPod('late'))
  await clock.advance(0)
  assert.equal(nodeOf('late'), 'n1')
  assert.equal(nodeOf('other'), undefined)
  assert.deepEqual(events, [
    'early Normal Scheduled: Successfully assigned default/early to n1',
    'late Normal Scheduled: Successfully assigned default/late to n1',
  ])
  const binding = server.requests.find(each => each.path.endsWith('/early/binding'))
  assert.deepEqual(binding?.body && (binding.body as { target: unknown }).target, { kind: 'Node', name: 'n1' })
})

test('says on the pod why there is no node, and tries again when one comes', async () => {
  server.add(Pods, aPod('p', { requests: { cpu: '2' } }))
  await start()
  assert.equal(scheduled('p')?.message, 'no nodes available to schedule pods')
  server.add(Nodes, aNode('small', { allocatable: { cpu: '1' } }))
  await clock.advance(1000)
  assert.deepEqual(
    { ...scheduled('p'), lastTransitionTime: undefined },
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message:
        '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
      lastTransitionTime: undefined,
      observedGeneration: scheduled('p')?.observedGeneration,
    },
  )
  assert.match(events.at(-1)!, /^p Warning FailedScheduling: 0\/1 nodes are available/)
  server.add(Nodes, aNode('big'))
  await clock.advance(10_000)
  assert.equal(nodeOf('p'), 'big')
})

test('never gives away more than a node has, though bindings are still under way', async () => {
  for (const name of ['n1', 'n2', 'n3']) server.add(Nodes, aNode(name, { allocatable: { cpu: '1' } }))
  for (let i = 0; i < 40; i++) server.add(Pods, aPod(`p${i}`, { requests: { cpu: '100m' } }))
  await start()
  while (bindings().length < 30) await clock.advance(1)
  await clock.advance(1)
  const used = new Map<string, number>()
  for (const pod of server.list(Pods)) {
    const node = pod.spec?.nodeName
    if (node) used.set(node, (used.get(node) ?? 0) + 1)
  }
  assert.deepEqual([...used.values()], [10, 10, 10])
  assert.equal(server.list(Pods).filter(pod => !pod.spec?.nodeName).length, 10)
  assert.equal(bindings().length, 30)
})

test('room that ended and deleted pods leave is used', async () => {
  server.add(Nodes, aNode('n', { allocatable: { cpu: '1' } }))
  server.add(Pods, aPod('first', { requests: { cpu: '1' } }))
  await start()
  server.add(Pods, aPod('second', { requests: { cpu: '1' } }))
  await clock.advance(0)
  assert.equal(nodeOf('second'), undefined)
  server.change(Pods, 'first', 'default', pod => {
    pod.status = { ...pod.status, phase: 'Succeeded' }
  })
  await clock.advance(2000)
  assert.equal(nodeOf('second'), 'n')
  server.add(Pods, aPod('third', { requests: { cpu: '1' } }))
  await clock.advance(0)
  server.remove(Pods, 'second', 'default')
  await clock.advance(2000)
  assert.equal(nodeOf('third'), 'n')
})

test('a binding that fails is tried again', async () => {
  server.add(Nodes, aNode('n'))
  server.failNext({ method: 'POST', path: /binding$/ }, internalError('disk on fire'))
  server.add(Pods, aPod('p'))
  await start()
  assert.equal(nodeOf('p'), undefined)
  assert.match(events[0]!, /^p Warning FailedScheduling: running Bind plugin "DefaultBinder": .*disk on fire$/)
  await clock.advance(1000)
  assert.equal(nodeOf('p'), 'n')
})

test('gated pods wait', async () => {
  server.add(Nodes, aNode('n'))
  server.add(Pods, aPod('p', { spec: { schedulingGates: [{ name: 'example.com/wait' }] } }))
  await start()
  assert.equal(nodeOf('p'), undefined)
  server.change(Pods, 'p', 'default', pod => {
    pod.spec = { ...pod.spec!, schedulingGates: [] }
  })
  await clock.advance(0)
  assert.equal(nodeOf('p'), 'n')
})

test('an important pod evicts a lesser one, waits for its end and takes its place', async () => {
  server.add(Nodes, aNode('n', { allocatable: { cpu: '1' } }))
  server.add(Pods, aPod('lesser', { requests: { cpu: '1' }, spec: { nodeName: 'n', priority: 1 } }))
  await start()
  server.add(Pods, aPod('vip', { requests: { cpu: '1' }, spec: { priority: 1000 } }))
  await clock.advance(0)
  const lesser = server.get(Pods, 'lesser', 'default')
  const target = findCondition(lesser?.status?.conditions, 'DisruptionTarget')
  assert.equal(target?.reason, 'PreemptionByScheduler')
  assert.equal(target?.message, 'default-scheduler: preempting to accommodate a higher priority pod')
  assert.notEqual(lesser?.metadata.deletionTimestamp, undefined)
  assert.equal(server.get(Pods, 'vip', 'default')?.status?.nominatedNodeName, 'n')
  const vip = server.get(Pods, 'vip', 'default') as Pod
  assert.ok(events.includes(`lesser Normal Preempted: Preempted by pod ${vip.metadata.uid} on node n`))
  server.add(Pods, aPod('small', { requests: { cpu: '1' }, spec: { priority: 5 } }))
  server.remove(Pods, 'lesser', 'default')
  await clock.advance(10_000)
  assert.equal(nodeOf('vip'), 'n')
  assert.equal(nodeOf('small'), undefined)
})

test('room that was kept for a pod is there for others once the pod is nominated no more', async () => {
  server.add(Nodes, aNode('n', { allocatable: { cpu: '1' } }))
  const gated = aPod('vip', {
    requests: { cpu: '1' },
    spec: { priority: 1000, schedulingGates: [{ name: 'example.com/wait' }] },
  })
  server.add(Pods, { ...gated, status: { ...gated.status, nominatedNodeName: 'n' } })
  await start()
  server.add(Pods, aPod('small', { requests: { cpu: '1' }, spec: { priority: 5 } }))
  await clock.advance(10_000)
  assert.equal(nodeOf('small'), undefined)
  server.change(Pods, 'vip', 'default', pod => {
    delete pod.status!.nominatedNodeName
  })
  await clock.advance(0)
  assert.equal(nodeOf('small'), 'n')
})

test('a pod that preempts is tried again when all its victims are gone or leaving, and not before', async () => {
  server.add(Nodes, aNode('n'))
  for (const name of ['a', 'b', 'c']) {
    server.add(Pods, aPod(name, { requests: { cpu: '1' }, spec: { nodeName: 'n', priority: 1 } }))
  }
  server.add(Pods, aPod('other', { requests: { cpu: '500m' }, spec: { nodeName: 'n', priority: 2000 } }))
  await start()
  const failures = (): number => events.filter(each => each.startsWith('vip Warning FailedScheduling')).length
  const { promise: allowed, resolve: allow } = Promise.withResolvers<void>()
  const send = server.send.bind(server)
  server.send = async request => {
    if (request.method === 'DELETE' && request.path.includes('/c')) await allowed
    return send(request)
  }
  server.add(Pods, aPod('vip', { requests: { cpu: '3' }, spec: { priority: 1000 } }))
  await clock.advance(0)
  // What the first ones leave behind would have any other pod tried again: for this one it is too early.
  server.remove(Pods, 'a', 'default')
  server.remove(Pods, 'b', 'default')
  await clock.advance(10_000)
  assert.deepEqual([nodeOf('vip'), failures()], [undefined, 1])
  allow()
  await clock.advance(0)
  assert.notEqual(server.get(Pods, 'c', 'default')?.metadata.deletionTimestamp, undefined)
  server.remove(Pods, 'c', 'default')
  await clock.advance(10_000)
  assert.deepEqual([nodeOf('vip'), failures()], ['n', 1])
})

test('a pod looks for another way at once where its victims cannot be evicted', async () => {
  for (const [node, pod, priority] of [
    ['n1', 'lesser', 1],
    ['n2', 'middle', 2],
  ] as const) {
    server.add(Nodes, aNode(node, { allocatable: { cpu: '1' } }))
    server.add(Pods, aPod(pod, { requests: { cpu: '1' }, spec: { nodeName: node, priority } }))
  }
  await start()
  const send = server.send.bind(server)
  server.send = async request => {
    if (request.method !== 'DELETE' || !request.path.includes('/lesser')) return send(request)
    server.change(Nodes, 'n1', undefined, node => Object.assign(node, { spec: { unschedulable: true } }))
    throw internalError('no')
  }
  server.add(Pods, aPod('vip', { requests: { cpu: '1' }, spec: { priority: 1000 } }))
  await clock.advance(0)
  const isLeaving = (name: string): boolean =>
    server.get(Pods, name, 'default')?.metadata.deletionTimestamp !== undefined
  assert.deepEqual([isLeaving('lesser'), isLeaving('middle')], [false, true])
  assert.equal(server.get(Pods, 'vip', 'default')?.status?.nominatedNodeName, 'n2')
})

test('a pod that is being deleted is not scheduled, and told so', async () => {
  server.add(Nodes, aNode('n'))
  const leaving = aPod('leaving', { requests: { cpu: '1' } })
  Object.assign(leaving.metadata, { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/wait'] })
  server.add(Pods, leaving)
  await start()
  await clock.advance(10_000)
  assert.equal(nodeOf('leaving'), undefined)
  assert.deepEqual(events, ['leaving Warning FailedScheduling: skip schedule deleting pod: default/leaving'])
})

test('several schedulers may share a cluster', async () => {
  server.add(Nodes, aNode('n'))
  server.add(Pods, aPod('mine', { spec: { schedulerName: 'mine' } }))
  server.add(Pods, aPod('theirs'))
  await start({ schedulerNames: ['mine'] })
  assert.deepEqual([nodeOf('mine'), nodeOf('theirs')], ['n', undefined])
})

test('a scheduler that stops and runs again, as leaders do, begins anew', async () => {
  server.add(Nodes, aNode('n', { allocatable: { cpu: '1' } }))
  const context = newContext()
  const scheduler = createScheduler(context)
  context.informers.start(stop.signal)
  const first = new AbortController()
  const firstRun = scheduler.run(first.signal)
  server.add(Pods, aPod('a', { requests: { cpu: '1' } }))
  await clock.advance(0)
  assert.equal(nodeOf('a'), 'n')
  first.abort()
  await firstRun
  server.remove(Pods, 'a', 'default')
  server.add(Pods, aPod('b', { requests: { cpu: '1' } }))
  await clock.advance(0)
  assert.equal(nodeOf('b'), undefined)
  running = scheduler.run(stop.signal)
  await clock.advance(0)
  assert.equal(nodeOf('b'), 'n')
  await scheduler.run(AbortSignal.abort())
})
