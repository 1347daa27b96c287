import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { Events } from '@canopus/api'
import { serviceUnavailableError } from '@canopus/apimachinery'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import type { EventRecorder } from './controller.ts'
import { createEventRecorder } from './event-recorder.ts'

let clock: SimulatedClock
let server: FakeServer
let recorder: EventRecorder
const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'x', uid: `uid-${name}`, resourceVersion: '7' },
})

beforeEach(() => {
  clock = new SimulatedClock({ settle: () => new Promise(resolve => setImmediate(resolve)) })
  server = createFakeServer({ clock })
  recorder = createEventRecorder({
    client: createClient(server),
    clock,
    logger: silentLogger,
    component: 'kubelet',
    host: 'n1',
  })
})

test('an event carries what kubectl shows', async () => {
  recorder.event(pod('a'), 'Warning', 'BackOff', 'Back-off restarting')
  await clock.advance(0)
  const [event, ...more] = server.list(Events)
  assert.equal(more.length, 0)
  assert.match(event!.metadata.name, /^a\.[0-9a-f]{16}$/)
  const { metadata: _metadata, apiVersion: _version, kind: _kind, ...rest } = event!
  assert.deepEqual(rest, {
    involvedObject: { kind: 'Pod', namespace: 'x', name: 'a', uid: 'uid-a', apiVersion: 'v1', resourceVersion: '7' },
    reason: 'BackOff',
    message: 'Back-off restarting',
    type: 'Warning',
    count: 1,
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    source: { component: 'kubelet', host: 'n1' },
    reportingComponent: 'kubelet',
    reportingInstance: 'n1',
  })
})

test('repeated events are counted on the first', async () => {
  for (let i = 0; i < 3; i++) {
    recorder.event(pod('a'), 'Warning', 'BackOff', 'same')
    recorder.event(pod('b'), 'Warning', 'BackOff', 'same')
    await clock.advance(10_000)
  }
  assert.deepEqual(
    server
      .list(Events)
      .map(event => [event.involvedObject.name, event.count, event.firstTimestamp, event.lastTimestamp]),
    [
      ['a', 3, '2026-01-01T00:00:00Z', '2026-01-01T00:00:20Z'],
      ['b', 3, '2026-01-01T00:00:00Z', '2026-01-01T00:00:20Z'],
    ],
  )
})

test('an event about a newer version of the object is the same event; one about another part of it is not', async () => {
  const version = (resourceVersion: string, fieldPath?: string) => {
    const about = pod('a')
    return { ...about, metadata: { ...about.metadata, resourceVersion }, ...(fieldPath ? { fieldPath } : {}) }
  }
  for (const about of [version('7'), version('8'), version('9'), version('9', 'spec.containers{main}')])
    recorder.event(about, 'Warning', 'BackOff', 'same')
  await clock.advance(0)
  assert.deepEqual(
    server
      .list(Events)
      .map(event => [event.count, event.involvedObject.resourceVersion, event.involvedObject.fieldPath ?? '']),
    [
      [3, '7', ''],
      [1, '9', 'spec.containers{main}'],
    ],
  )
})

test('many similar events are combined; a flood is dropped, but counted', async () => {
  for (let i = 0; i < 40; i++) recorder.event(pod('a'), 'Normal', 'Pulled', `image ${i}`)
  await clock.advance(0)
  const events = server.list(Events)
  assert.equal(events.length, 10)
  const combined = events.filter(event => event.message?.startsWith('(combined from similar events): '))
  assert.equal(combined.length, 1)
  assert.equal(combined[0]!.count, 16)
  await clock.advance(300_000)
  recorder.event(pod('a'), 'Normal', 'Pulled', 'later')
  await clock.advance(0)
  assert.equal(server.list(Events).find(event => event.message?.includes('later'))?.count, 32)
  for (let i = 0; i < 20; i++) recorder.event(pod('a'), 'Warning', 'Failed', `image ${i}`)
  await clock.advance(0)
  assert.equal(server.list(Events).filter(event => event.type === 'Warning').length, 10)
})

test('an expired event is written anew; failures are swallowed', async () => {
  recorder.event(pod('a'), 'Normal', 'Started', 'm')
  await clock.advance(0)
  server.remove(Events, server.list(Events)[0]!.metadata.name, 'x')
  recorder.event(pod('a'), 'Normal', 'Started', 'm')
  await clock.advance(0)
  assert.equal(server.list(Events)[0]?.count, 2)
  server.failNext({}, serviceUnavailableError('no'))
  recorder.event(pod('c'), 'Normal', 'Started', 'm')
  recorder.event(pod('d'), 'Normal', 'Started', 'm')
  await clock.advance(0)
  assert.deepEqual(
    server.list(Events).map(event => event.involvedObject.name),
    ['a', 'd'],
  )
})
