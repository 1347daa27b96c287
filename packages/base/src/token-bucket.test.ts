import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBucket } from './token-bucket.ts'

const bucket = (): TokenBucket => new TokenBucket({ qps: 2, burst: 3 }, 1_000)

test('as many at once as are saved, then at the rate', () => {
  const full = bucket()
  assert.deepEqual(
    [1_000, 1_000, 1_000, 1_000, 1_499, 1_500, 1_500].map(now => full.tryTake(now)),
    [true, true, true, false, false, true, false],
  )
})

test('no more is saved than fits', () => {
  const full = bucket()
  assert.deepEqual(
    [9_000, 9_000, 9_000, 9_000].map(now => full.tryTake(now)),
    [true, true, true, false],
  )
})

test('who waits is told for how long, one after the other, unless one gives up', () => {
  const full = bucket()
  const waits = [1, 2, 3, 4, 5].map(() => full.take(1_000))
  assert.deepEqual(waits, [0, 0, 0, 500, 1_000])
  full.giveBack()
  assert.equal(full.take(1_000), 1_000)
  assert.equal(full.tryTake(2_000), false)
})
