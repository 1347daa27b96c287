import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import type { Transport } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { untilApiAnswers } from './api-answers.ts'

/** Refuses so many connections, then answers. */
function refusing(times: number, clock: SimulatedClock): Transport & { asked: number } {
  const server = createFakeServer({ clock })
  const transport = {
    asked: 0,
    async send(request: Parameters<Transport['send']>[0]) {
      if (transport.asked++ < times) throw new Error('connect ECONNREFUSED')
      return server.send(request)
    },
  }
  return transport
}

test('waits for the first answer, whatever it is', async () => {
  const clock = new SimulatedClock()
  const transport = refusing(3, clock)
  const waiting = untilApiAnswers(transport, clock, new AbortController().signal)
  await clock.advance(100)
  await waiting
  assert.equal(transport.asked, 4)
})

test('but not for ever', async () => {
  const clock = new SimulatedClock()
  const transport = refusing(Number.POSITIVE_INFINITY, clock)
  const waiting = untilApiAnswers(transport, clock, new AbortController().signal)
  await clock.advance(10_100)
  await waiting
  assert.ok(transport.asked > 100)
})

test('and not for somebody who is to end', async () => {
  const clock = new SimulatedClock()
  const stop = new AbortController()
  const waiting = untilApiAnswers(refusing(Number.POSITIVE_INFINITY, clock), clock, stop.signal)
  await clock.advance(50)
  stop.abort()
  await waiting
})
