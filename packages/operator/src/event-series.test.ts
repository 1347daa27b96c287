import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { EventsV1 } from '@canopus/api'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import type { EventRecorder } from './controller.ts'
import { createSeriesRecorder } from './event-series.ts'

let clock: SimulatedClock
let server: FakeServer
let recorder: EventRecorder
let stop: AbortController
const pod = (name: string, resourceVersion = '7') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'x', uid: `uid-${name}`, resourceVersion },
})
const written = () => server.list(EventsV1)

beforeEach(() => {
  clock = new SimulatedClock({ settle: () => new Promise(resolve => setImmediate(resolve)) })
  server = createFakeServer({ clock })
  const client = createClient(server)
  stop = new AbortController()
  const { signal } = stop
  const component = 'default-scheduler'
  recorder = createSeriesRecorder({ client, clock, logger: silentLogger, component, host: 'h', signal })
})

test('an event says what was being done, and for whose sake', async () => {
  const related = pod('b', '8')
  recorder.event(pod('a'), 'Normal', 'Preempted', 'Preempted by b', { action: 'Preempting', related })
  await clock.advance(0)
  const [event, ...more] = written()
  assert.equal(more.length, 0)
  assert.match(event!.metadata.name, /^a\.[0-9a-f]{16}$/)
  const { metadata: _metadata, apiVersion: _version, kind: _kind, ...rest } = event!
  assert.deepEqual(rest, {
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'default-scheduler',
    reportingInstance: 'default-scheduler-h',
    action: 'Preempting',
    reason: 'Preempted',
    regarding: { kind: 'Pod', namespace: 'x', name: 'a', uid: 'uid-a', apiVersion: 'v1', resourceVersion: '7' },
    related: { kind: 'Pod', namespace: 'x', name: 'b', uid: 'uid-b', apiVersion: 'v1', resourceVersion: '8' },
    note: 'Preempted by b',
    type: 'Normal',
  })
})

test('what repeats itself is a series with the first note; another version of the object, or a pause, begins anew', async () => {
  const tell = async (note: string, version = '7'): Promise<void> => {
    recorder.event(pod('a', version), 'Warning', 'FailedScheduling', note, { action: 'Scheduling' })
    await clock.advance(0)
  }
  await tell('first')
  await clock.advance(5 * 60_000)
  await tell('second')
  await clock.advance(6 * 60_000)
  await tell('third')
  assert.deepEqual(
    written().map(each => [each.note, each.series]),
    [['first', { count: 2, lastObservedTime: '2026-01-01T00:05:00.000000Z' }]],
    'the first repetition is written at once, further ones are counted',
  )
  await tell('other', '8')
  await clock.advance(6 * 60_000 + 1)
  await tell('late')
  assert.deepEqual(
    written().find(each => each.note === 'first')?.series,
    { count: 3, lastObservedTime: '2026-01-01T00:11:00.000000Z' },
    'what it had come to when it ended',
  )
  assert.deepEqual(
    written()
      .map(each => [each.note, each.series?.count])
      .toSorted(),
    [
      ['first', 3],
      ['late', undefined],
      ['other', undefined],
    ],
  )
})

test('a series whose event is gone is written as a whole', async () => {
  const tell = (): void => recorder.event(pod('a'), 'Warning', 'FailedScheduling', 'no', { action: 'Scheduling' })
  tell()
  await clock.advance(0)
  const [event] = written()
  server.remove(EventsV1, event!.metadata.name, 'x')
  tell()
  await clock.advance(0)
  assert.deepEqual(
    written().map(each => [each.metadata.name, each.series?.count]),
    [[event!.metadata.name, 2]],
  )
})

test('a series that goes on is written again after half an hour', async () => {
  const tell = (): void => recorder.event(pod('a'), 'Warning', 'FailedScheduling', 'no', { action: 'Scheduling' })
  const counts: (number | undefined)[] = []
  for (let minute = 0; minute <= 45; minute += 5) {
    tell()
    await clock.advance(0)
    counts.push(written()[0]?.series?.count)
    await clock.advance(5 * 60_000)
  }
  assert.deepEqual(counts, [undefined, 2, 2, 2, 2, 2, 2, 2, 8, 8])
})

test('a series that has ended is written as it ended, also where nothing more is told', async () => {
  for (let i = 0; i < 5; i++) recorder.event(pod('a'), 'Warning', 'FailedScheduling', 'no', { action: 'Scheduling' })
  await clock.advance(6 * 60_000)
  assert.equal(written()[0]?.series?.count, 2, 'it may go on')
  await clock.advance(6 * 60_000)
  assert.equal(written()[0]?.series?.count, 5)
  const before = server.requests.length
  await clock.advance(3_600_000)
  assert.equal(server.requests.length, before, 'once is enough')
})

test('a recorder that is stopped looks after nothing any more', async () => {
  for (let i = 0; i < 5; i++) recorder.event(pod('a'), 'Warning', 'FailedScheduling', 'no', { action: 'Scheduling' })
  await clock.advance(0)
  stop.abort()
  await clock.advance(3_600_000)
  assert.equal(written()[0]?.series?.count, 2)
})
