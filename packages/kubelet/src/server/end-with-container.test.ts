import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { endWithContainer } from './end-with-container.ts'

describe('a stream of a container', () => {
  // one word a second: r(unning), q(uiet), d(ata comes), w(aiting for the client)
  const cases: [string, string, number | undefined][] = [
    ['goes on while the container runs', 'rrrrrrrrrr', undefined],
    ['ends soon after it has ended', 'rrqqqqqq', 5],
    ['ends where it had ended before', 'qqqqqq', 3],
    ['goes on while data comes', 'rqqdqqdqqd', undefined],
    ['goes on while the client takes what came', 'rwwwwwqqqq', 9],
  ]
  for (const [name, seconds, expected] of cases) {
    test(name, async () => {
      const clock = new SimulatedClock()
      let second = 0
      let received = 0
      let endedAt: number | undefined
      const stream = {
        isRunning: () => seconds[second] === 'r',
        received: () => received,
        waiting: () => (seconds[second] === 'w' ? 1 : 0),
      }
      const stop = new AbortController()
      const end = (): void => {
        endedAt ??= second + 1
      }
      endWithContainer(clock, stream, end, stop.signal)
      for (; second < seconds.length; second++) {
        if (seconds[second] === 'd') received++
        await clock.advance(1000)
      }
      assert.equal(endedAt, expected)
      stop.abort()
      await clock.advance(60_000)
      assert.equal(endedAt, expected)
    })
  }
})
