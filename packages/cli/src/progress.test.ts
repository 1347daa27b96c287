import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { createProgress } from './progress.ts'

function recorded(isTTY: boolean, colours?: boolean) {
  const clock = new SimulatedClock()
  let text = ''
  const stream = { isTTY, write: (piece: string) => (text += piece) }
  const progress = createProgress({ stream, clock, ...(colours === undefined ? {} : { colours }) })
  const step = async (title: string, milliseconds: number): Promise<void> => {
    await progress.step(title, async () => clock.advance(milliseconds))
  }
  return { progress, step, text: () => text }
}

describe('progress', () => {
  it('off a terminal is one line for each step that took a while', async () => {
    const { progress, step, text } = recorded(false)
    await step('Quick', 100)
    await step('Slow', 1500)
    progress.say('done')
    assert.equal(text(), '  ok Slow 1.5 s\ndone\n')
  })

  it('on a terminal is rewritten in place', async () => {
    const { progress, text } = recorded(true, false)
    await progress.step('Pulling', async detail => detail('3 of 4'))
    assert.equal(text(), '\r\u001b[K  .. Pulling\r\u001b[K  .. Pulling 3 of 4\r\u001b[K  ok Pulling 0.0 s\n\r\u001b[K')
  })

  it('has colours where they are wanted alone', async () => {
    const plain = recorded(true, false)
    await plain.step('Plain', 0)
    assert.ok(!plain.text().includes('\u001b[3'))
    const painted = recorded(true, true)
    await painted.step('Painted', 0)
    assert.ok(painted.text().includes('\u001b[32mok\u001b[39m'))
  })

  it('says what failed, and lets the error pass', async () => {
    const { progress, text } = recorded(false)
    await assert.rejects(
      progress.step('Breaking', () => Promise.reject(new Error('no'))),
      /no/,
    )
    assert.equal(text(), '  failed Breaking\n')
  })
})
