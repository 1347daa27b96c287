import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedBackOff } from './back-off.ts'

test('crashes: at once, then 10 s, doubling to 5 min, from the start again after 10 min of peace', () => {
  const backOff = new KeyedBackOff()
  let now = 1_000_000
  const waits: number[] = []
  for (let crash = 0; crash < 9; crash++) {
    const wait = backOff.remaining('main', now, now)
    waits.push(wait / 1000)
    const endedAt = now
    now += wait
    backOff.next('main', endedAt, now)
  }
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300, 300])
  now += 700_000
  assert.equal(backOff.remaining('main', now, now), 0)
  backOff.next('main', now, now)
  assert.equal(backOff.delay('main'), 10_000)
})

test('half way through, half is left', () => {
  const backOff = new KeyedBackOff()
  backOff.next('image', 0, 0)
  assert.equal(backOff.remainingSinceUpdate('image', 4_000), 6_000)
  assert.equal(backOff.remainingSinceUpdate('image', 10_000), 0)
  assert.equal(backOff.remainingSinceUpdate('other', 0), 0)
})
