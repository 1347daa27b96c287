import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Backoff } from './backoff.ts'
import { SeededRandom } from './seeded-random.ts'

describe('Backoff', () => {
  test('grows by its factor up to its maximum, and starts afresh after a reset', () => {
    const backoff = new Backoff({ initial: 100, max: 1000 })
    const take = (count: number): number[] => Array.from({ length: count }, () => backoff.next())
    assert.deepEqual(take(6), [100, 200, 400, 800, 1000, 1000])
    assert.equal(backoff.attempts, 6)
    backoff.reset()
    assert.deepEqual(take(2), [100, 200])
  })

  test('stays at its maximum after any number of failures', () => {
    const backoff = new Backoff({ initial: 1, max: 5000, factor: 10 })
    for (let n = 0; n < 2000; n++) backoff.next()
    assert.equal(backoff.next(), 5000)
  })

  test('jitter adds its share at most', () => {
    const backoff = new Backoff({ initial: 100, max: 100, jitter: 0.5, random: new SeededRandom(1) })
    const delays = Array.from({ length: 200 }, () => backoff.next())
    assert.ok(delays.every(delay => delay >= 100 && delay < 150))
    assert.ok(new Set(delays).size > 100)
  })
})
