import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event as CoreEvent } from '../../generated/core.v1.ts'
import type { Event } from '../../generated/events.v1.ts'
import { createErrors, testCreate, testUpdate } from '../../testing/validation-table.ts'
import { EventKind } from '../core/event.ts'
import { EventV1Kind, fromCoreEvent, toCoreEvent } from './event.ts'

const metadata = { name: 'web.1', namespace: 'default' }
const event = {
  metadata,
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'example.com/controller',
  reportingInstance: 'controller-1',
  action: 'Scaled',
  reason: 'ScaledUp',
  type: 'Normal',
  note: 'to 3',
  regarding: { kind: 'Deployment', namespace: 'default', name: 'web' },
} as unknown as Event

test('the two forms of an event are one', () => {
  const stored = toCoreEvent(event)
  assert.equal(stored.apiVersion, 'v1')
  assert.deepEqual(stored.involvedObject, event.regarding)
  assert.equal(stored.message, 'to 3')
  assert.equal(stored.reportingComponent, 'example.com/controller')
  assert.deepEqual(fromCoreEvent(stored), { ...event, apiVersion: 'events.k8s.io/v1' })
})

test('older events keep their figures under deprecated names', () => {
  const old = { metadata, involvedObject: {}, count: 3, source: { component: 'kubelet' }, lastTimestamp: 't' }
  const { deprecatedCount, deprecatedSource, deprecatedLastTimestamp } = fromCoreEvent(old as unknown as CoreEvent)
  assert.deepEqual([deprecatedCount, deprecatedSource, deprecatedLastTimestamp], [3, { component: 'kubelet' }, 't'])
})

test('field selectors by the new names', () => {
  const { selectableFields } = EventV1Kind
  assert.equal(selectableFields!['regarding.name']!(event), 'web')
  assert.equal(selectableFields!.reportingController!(event), 'example.com/controller')
  assert.equal(selectableFields!['involvedObject.name'], undefined)
})

test('columns are those of core events', () => {
  const now = Date.parse('2026-01-01T00:01:00Z')
  const cells = Object.fromEntries(EventV1Kind.columns.map(column => [column.name, column.value(event, now)]))
  assert.equal(cells['Last Seen'], '60s')
  assert.equal(cells.Object, 'deployment/web')
  assert.equal(cells.Message, 'to 3')
  assert.equal(cells.Count, 1)
})

testCreate(EventV1Kind, event, [
  {
    name: 'no reason',
    change: object => {
      delete object.reason
    },
    errors: ['reason: Required value'],
  },
  {
    name: 'an old field',
    change: object => {
      object.deprecatedCount = 2
    },
    errors: ['count: Invalid value: "": needs to be unset'],
  },
  {
    name: 'a series of one',
    change: object => {
      object.series = { count: 1, lastObservedTime: object.eventTime }
    },
    errors: ['series.count: Invalid value: "": should be at least 2'],
  },
])

testUpdate(EventV1Kind, event, [
  {
    name: 'series',
    change: object => {
      object.series = { count: 2, lastObservedTime: object.eventTime }
    },
    errors: [],
  },
  {
    name: 'reason',
    change: object => {
      object.reason = 'Other'
    },
    errors: [
      'reason: Invalid value: "Other": field is immutable',
      'reason: Invalid value: "Other": field is immutable',
    ],
  },
])

test('core events lie where their object lies', () => {
  const misplaced = { metadata, involvedObject: { namespace: 'other', name: 'x' } } as unknown as CoreEvent
  assert.deepEqual(createErrors(EventKind, misplaced), [
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ])
})
