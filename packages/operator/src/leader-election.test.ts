import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { Leases } from '@canopus/api'
import { SeededRandom, SimulatedClock, silentLogger, whenAborted } from '@canopus/base'
import type { Transport } from '@canopus/client'
import { createClient } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import { runWithLease } from './leader-election.ts'

let clock: SimulatedClock
let server: FakeServer
let log: string[]
beforeEach(() => {
  clock = new SimulatedClock()
  server = createFakeServer({ clock })
  log = []
})

function replica(identity: string, transport: Transport = server) {
  const stop = new AbortController()
  const ended = runWithLease(
    {
      client: createClient(transport),
      clock,
      random: new SeededRandom(identity),
      logger: silentLogger,
      namespace: 'kube-system',
      name: 'controller-manager',
      identity,
    },
    async signal => {
      log.push(`${identity} leads`)
      await whenAborted(signal)
      log.push(`${identity} stops`)
    },
    stop.signal,
  )
  ended.catch(error => log.push(`${identity}: ${(error as Error).message}`))
  return { stop, ended }
}

const lease = () => server.get(Leases, 'controller-manager', 'kube-system')!.spec!

test('one leads, hands over on a clean stop', async () => {
  const a = replica('a')
  await clock.advance(0)
  replica('b')
  await clock.advance(60_000)
  assert.deepEqual(log, ['a leads'])
  assert.equal(lease().holderIdentity, 'a')
  assert.equal(lease().leaseDurationSeconds, 15)
  assert.equal(lease().leaseTransitions, 0)
  assert.equal(lease().acquireTime, '2026-01-01T00:00:00.000000Z')
  assert.equal(lease().renewTime, '2026-01-01T00:01:00.000000Z')
  a.stop.abort()
  await a.ended
  await clock.advance(5_000)
  assert.deepEqual(log, ['a leads', 'a stops', 'b leads'])
  assert.equal(lease().leaseTransitions, 1)
})

test('a leader that is cut off stops before another takes over', async () => {
  let cut = false
  const line: Transport = {
    send: request => (cut ? Promise.reject(new Error('no route to host')) : server.send(request)),
  }
  replica('a', line)
  await clock.advance(0)
  replica('b')
  await clock.advance(10_000)
  cut = true
  await clock.advance(11_000)
  assert.deepEqual(log, ['a leads', 'a stops', 'a: leader election lost'])
  await clock.advance(10_000)
  assert.equal(log.at(-1), 'b leads')
})
