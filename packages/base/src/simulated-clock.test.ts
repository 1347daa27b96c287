import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sleep } from './clock.ts'
import { SimulatedClock } from './simulated-clock.ts'

describe('SimulatedClock', () => {
  test('runs timers in the order of their time, then of their setting', async () => {
    const clock = new SimulatedClock({ start: 1000 })
    const seen: string[] = []
    const note = (name: string) => () => void seen.push(`${name}@${clock.now()}`)
    clock.setTimer(20, note('late'))
    clock.setTimer(10, note('first'))
    clock.setTimer(10, note('second'))
    clock.setTimer(0, note('now'))
    clock.setTimer(-5, note('past'))
    await clock.advance(15)
    assert.deepEqual(seen, ['now@1000', 'past@1000', 'first@1010', 'second@1010'])
    assert.deepEqual([clock.now(), clock.monotonic(), clock.pending], [1015, 15, 1])
    await clock.advance(5)
    assert.equal(seen.at(-1), 'late@1020')
  })

  test('never runs a timer while it is set', async () => {
    const clock = new SimulatedClock()
    let ran = false
    clock.setTimer(0, () => {
      ran = true
    })
    assert.equal(ran, false)
    await clock.advance(0)
    assert.equal(ran, true)
  })

  test('a cancelled timer does not run, and cancelling again does nothing', async () => {
    const clock = new SimulatedClock()
    const timer = clock.setTimer(10, () => assert.fail('it ran'))
    timer.cancel()
    timer.cancel()
    assert.deepEqual([clock.pending, clock.nextTimerAt()], [0, undefined])
    await clock.advance(20)
  })

  test('what a timer sets off runs before the next timer, timers set on the way included', async () => {
    const clock = new SimulatedClock({ start: 0 })
    const seen: number[] = []
    const loop = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn++) {
        await sleep(clock, 10)
        seen.push(clock.now())
      }
    }
    const done = loop()
    clock.setTimer(15, () => void seen.push(-15))
    await clock.advance(100)
    await done
    assert.deepEqual(seen, [10, -15, 20, 30])
    assert.equal(clock.now(), 100)
  })

  test('runs until nothing is left to do, or up to its limit', async () => {
    const clock = new SimulatedClock()
    let beats = 0
    const beat = (): void => {
      if (++beats < 5) clock.setTimer(1000, beat)
    }
    beat()
    assert.equal(await clock.runUntilIdle(), 4000)
    assert.equal(beats, 5)
    const forever = (): void => void clock.setTimer(1000, forever)
    forever()
    assert.equal(await clock.runUntilIdle(10_000), 10_000)
    assert.equal(clock.pending, 1)
  })

  test('sleep gives up with the reason of its signal', async () => {
    const clock = new SimulatedClock()
    const controller = new AbortController()
    const sleeping = sleep(clock, 1000, controller.signal)
    controller.abort(new Error('enough'))
    await assert.rejects(sleeping, /enough/)
    assert.equal(clock.pending, 0)
  })
})
