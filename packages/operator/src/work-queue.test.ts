import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { WorkQueue } from './work-queue.ts'

let clock: SimulatedClock
let queue: WorkQueue
beforeEach(() => {
  clock = new SimulatedClock()
  queue = new WorkQueue({ clock })
})

test('a key waits once, in order', async () => {
  for (const key of ['a', 'b', 'a']) queue.add(key)
  assert.equal(queue.length, 2)
  assert.deepEqual([await queue.take(), await queue.take()], ['a', 'b'])
})

test('a key added while it is worked on comes back after it is done, not before', async () => {
  queue.add('a')
  await queue.take()
  queue.add('a')
  queue.add('a')
  assert.equal(queue.length, 0)
  queue.done('a')
  assert.equal(await queue.take(), 'a')
  queue.done('a')
  assert.equal(queue.length, 0)
})

test('a waiting worker gets the next key', async () => {
  const taken = queue.take()
  queue.add('a')
  assert.equal(await taken, 'a')
})

test('of several delayed adds the earliest counts', async () => {
  queue.addAfter('a', 500)
  queue.addAfter('a', 100)
  queue.addAfter('a', 900)
  await clock.advance(99)
  assert.equal(queue.length, 0)
  await clock.advance(1)
  assert.equal(queue.length, 1)
  await queue.take()
  queue.done('a')
  await clock.advance(1_000)
  assert.equal(queue.length, 0)
})

test('failures come back after 5 ms, doubling, until forgotten', async () => {
  const delays: number[] = []
  for (let i = 0; i < 20; i++) {
    queue.addRateLimited('a')
    delays.push(await clock.runUntilIdle())
    await queue.take()
    queue.done('a')
  }
  assert.deepEqual(delays.slice(0, 5), [5, 10, 20, 40, 80])
  assert.equal(delays.at(-1), 1_000_000)
  queue.forget('a')
  queue.addRateLimited('a')
  assert.equal(await clock.runUntilIdle(), 5)
})

test('closing releases workers and timers', async () => {
  const taken = queue.take()
  queue.addAfter('a', 10)
  queue.close()
  assert.equal(await taken, undefined)
  assert.equal(clock.pending, 0)
  queue.add('b')
  assert.equal(await queue.take(), undefined)
})
