import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { ConfigMaps, Pods, ReplicaSets, Services } from '@canopus/api'
import { tooManyRequestsError } from '@canopus/apimachinery'
import { SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient, createInformerFactory } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import type { ControllerContext } from './controller.ts'
import { type ControllerDefinition, defineController } from './define-controller.ts'
import { mapped, owned, primary } from './triggers.ts'

let clock: SimulatedClock
let server: FakeServer
let context: ControllerContext
let stop: AbortController

beforeEach(() => {
  clock = new SimulatedClock()
  server = createFakeServer({ clock })
  stop = new AbortController()
  const client = createClient(server)
  const random = new SeededRandom(1)
  const informers = createInformerFactory({ client, clock, random, logger: silentLogger })
  context = { client, informers, clock, random, logger: silentLogger, events: { event: () => {} } }
})

async function started(definition: Omit<ControllerDefinition, 'name'>): Promise<void> {
  void defineController(context, { name: 'test', ...definition }).run(stop.signal)
  context.informers.start(stop.signal)
  await clock.advance(0)
}

const emptyPod = { spec: { containers: [] } }

test('reconciles what is there, what changes, and what owned and mapped objects point to', async () => {
  const seen: string[] = []
  server.add(ReplicaSets, {
    metadata: { name: 'web' },
    spec: { selector: {}, template: emptyPod },
  })
  await started({
    triggers: [
      primary(ReplicaSets),
      owned(Pods, ReplicaSets),
      mapped(Services, service => [`default/of-${service.metadata.name}`]),
    ],
    reconcile: async key => void seen.push(key) as undefined,
  })
  assert.deepEqual(seen.splice(0), ['default/web'])
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }
  server.add(Pods, { metadata: { name: 'p', ownerReferences: [owner] }, ...emptyPod })
  await clock.advance(0)
  assert.deepEqual(seen.splice(0), ['default/web'])
  server.change(Pods, 'p', 'default', pod => {
    pod.metadata.ownerReferences = [{ ...owner, name: 'other' }]
  })
  await clock.advance(0)
  assert.deepEqual(seen.splice(0), ['default/web', 'default/other'])
  server.add(Pods, {
    metadata: { name: 'q', ownerReferences: [{ ...owner, apiVersion: 'example.com/v1' }] },
    ...emptyPod,
  })
  server.add(Services, { metadata: { name: 's' }, spec: {} })
  await clock.advance(0)
  assert.deepEqual(seen.splice(0), ['default/of-s'])
  server.remove(ReplicaSets, 'web', 'default')
  await clock.advance(0)
  assert.deepEqual(seen, ['default/web'])
  stop.abort()
})

test('failures come back with growing delays, then are forgotten', async () => {
  const at: number[] = []
  server.add(ConfigMaps, { metadata: { name: 'a' } })
  await started({
    triggers: [primary(ConfigMaps)],
    async reconcile() {
      at.push(clock.monotonic())
      if (at.length < 4) throw new Error('not yet')
      return undefined
    },
  })
  await clock.advance(60_000)
  assert.deepEqual(at, [0, 5, 15, 35])
  stop.abort()
})

test('a server that asks for patience gets it; requeueAfter comes back', async () => {
  const at: number[] = []
  server.add(ConfigMaps, { metadata: { name: 'a' } })
  await started({
    triggers: [primary(ConfigMaps)],
    async reconcile() {
      at.push(clock.monotonic())
      if (at.length === 1) throw tooManyRequestsError('slow down', 3)
      return at.length === 2 ? { requeueAfter: 1_000 } : undefined
    },
  })
  await clock.advance(60_000)
  assert.deepEqual(at, [0, 3_000, 4_000])
  stop.abort()
})

test('one key is never worked on twice at a time; run ends once its workers have', async () => {
  let busy = 0
  let most = 0
  let finish: (() => void) | undefined
  server.add(ConfigMaps, { metadata: { name: 'a' } })
  const running = defineController(context, {
    name: 'test',
    triggers: [primary(ConfigMaps)],
    async reconcile() {
      busy += 1
      most = Math.max(most, busy)
      await new Promise<void>(resolve => (finish = resolve))
      busy -= 1
      return undefined
    },
  }).run(stop.signal)
  context.informers.start(stop.signal)
  await clock.advance(0)
  server.change(ConfigMaps, 'a', 'default', object => (object.data = { x: '1' }))
  await clock.advance(0)
  assert.equal(busy, 1)
  let ended = false
  void running.then(() => (ended = true))
  stop.abort()
  await clock.advance(0)
  assert.equal(ended, false)
  finish!()
  await running
  assert.equal(most, 1)
})
