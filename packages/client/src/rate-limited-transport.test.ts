import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { rateLimitedTransport } from './rate-limited-transport.ts'
import type { TransportRequest, TransportResponse } from './transport.ts'

test('what comes faster than that waits its turn; a pause lets some through at once', async () => {
  const clock = new SimulatedClock()
  const sent: string[] = []
  const send = async ({ path }: TransportRequest): Promise<TransportResponse> => {
    sent.push(path)
    return undefined as never
  }
  const transport = rateLimitedTransport({ send }, clock, { qps: 2, burst: 3 })
  const all = ['a', 'b', 'c', 'd', 'e'].map(path => transport.send({ method: 'GET', path }))
  await Promise.all(all.slice(0, 3))
  assert.deepEqual(sent, ['a', 'b', 'c'])
  await clock.advance(500)
  await all[3]
  assert.deepEqual(sent, ['a', 'b', 'c', 'd'])
  await clock.advance(500)
  await all[4]
  await clock.advance(60_000)
  await Promise.all(['f', 'g', 'h'].map(path => transport.send({ method: 'GET', path })))
  assert.equal(sent.join(''), 'abcdefgh')
})

test('a request that is given up does not wait on, and takes nobody its turn', async () => {
  const clock = new SimulatedClock()
  const sent: string[] = []
  const send = async ({ path }: TransportRequest): Promise<TransportResponse> => {
    sent.push(path)
    return undefined as never
  }
  const transport = rateLimitedTransport({ send }, clock, { qps: 1, burst: 1 })
  await transport.send({ method: 'GET', path: 'a' })
  const waiting = transport.send({ method: 'GET', path: 'b', signal: AbortSignal.abort(new Error('enough')) })
  await assert.rejects(waiting, /enough/)
  const next = transport.send({ method: 'GET', path: 'c' })
  await clock.advance(1_000)
  assert.deepEqual(sent, ['a', 'c'])
  await next
})
