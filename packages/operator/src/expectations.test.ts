import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { Expectations } from './expectations.ts'

test('what was done must be seen before counting again', async () => {
  const clock = new SimulatedClock()
  const expectations = new Expectations(clock)
  assert.equal(expectations.satisfied('a'), true)
  expectations.expectCreations('a', 2)
  expectations.creationObserved('a')
  assert.equal(expectations.satisfied('a'), false)
  expectations.lowerCreations('a', 1)
  assert.equal(expectations.satisfied('a'), true)
  expectations.expectDeletions('a', ['u1', 'u2'])
  expectations.deletionObserved('a', 'u1')
  expectations.deletionObserved('a', 'u1')
  assert.equal(expectations.satisfied('a'), false)
  expectations.deletionObserved('a', 'u2')
  assert.equal(expectations.satisfied('a'), true)
})

test('expectations give up after five minutes', async () => {
  const clock = new SimulatedClock()
  const expectations = new Expectations(clock)
  expectations.expectCreations('a', 1)
  await clock.advance(5 * 60_000)
  assert.equal(expectations.satisfied('a'), false)
  await clock.advance(1)
  assert.equal(expectations.satisfied('a'), true)
  expectations.expectCreations('b', 1)
  expectations.forget('b')
  assert.equal(expectations.satisfied('b'), true)
})

test('what came and went unseen does not keep anybody waiting, and what never comes is looked for', async () => {
  const clock = new SimulatedClock()
  const expectations = new Expectations(clock)
  assert.equal(expectations.patience('a'), undefined)
  expectations.expectCreations('a', 2)
  await clock.advance(60_000)
  assert.equal(expectations.patience('a'), 4 * 60_000 + 1)
  expectations.creationsSeen('a')
  assert.equal(expectations.satisfied('a'), true)
  assert.equal(expectations.patience('a'), undefined)
  expectations.expectDeletions('a', ['u1'])
  expectations.creationsSeen('a')
  assert.equal(expectations.satisfied('a'), false)
  await clock.advance(expectations.patience('a')!)
  assert.equal(expectations.satisfied('a'), true)
})
