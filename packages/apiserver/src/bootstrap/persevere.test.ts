import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { internalError } from '@canopus/apimachinery'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { persevere } from './persevere.ts'

const refused = internalError('failed calling webhook "broken.example.com"')

/** Fails so often. */
function work(failures: number, error: Error): { act: () => Promise<void>; count: () => number } {
  let count = 0
  return {
    count: () => count,
    act: async () => {
      if (++count <= failures) throw error
    },
  }
}

describe('work of the start', () => {
  for (const failures of [0, 1, 3])
    it(`that is refused ${failures} times does not keep the server, and is done in the end`, async () => {
      const clock = new SimulatedClock()
      const { act, count } = work(failures, refused)
      await persevere('x', act, { clock, logger: silentLogger, signal: AbortSignal.any([]) })
      assert.equal(count(), 1)
      await clock.advance(100_000)
      assert.equal(count(), failures + 1)
    })

  it('is not tried again once the server ends', async () => {
    const clock = new SimulatedClock()
    const { act, count } = work(9, refused)
    const ending = new AbortController()
    await persevere('x', act, { clock, logger: silentLogger, signal: ending.signal })
    ending.abort()
    await clock.advance(100_000)
    assert.equal(count(), 1)
  })

  it('ends the server where it fails for another reason', async () => {
    const { act } = work(1, new Error('the disk is full'))
    const options = { clock: new SimulatedClock(), logger: silentLogger, signal: AbortSignal.any([]) }
    await assert.rejects(persevere('x', act, options), /the disk is full/)
  })
})
