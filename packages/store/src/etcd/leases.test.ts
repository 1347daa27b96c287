import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import type { EtcdConnection } from './connection.ts'
import { Leases } from './leases.ts'

function setUp(reuseSeconds?: number) {
  const clock = new SimulatedClock()
  const granted: number[] = []
  const connection = {
    write: async (_: unknown, { TTL }: { TTL: number }) => ({ ID: granted.push(TTL) }),
  } as unknown as EtcdConnection
  return { clock, granted, leases: new Leases(connection, clock, reuseSeconds) }
}

describe('leases of keys with a time to live', () => {
  // As upstream's getReuseDurationSecondsLocked: 5 %, and no more than the flag says.
  const rows: readonly [seconds: number, reuse: number | undefined, granted: number][] = [
    [3600, undefined, 3660],
    [3600, 600, 3780],
    [3600, 7, 3607],
    [100, 60, 105],
    [10, 60, 10],
    [3600, 0, 3600],
  ]
  for (const [seconds, reuse, expected] of rows)
    it(`of ${seconds} s with --lease-reuse-duration-seconds=${reuse}`, async () => {
      const { granted, leases } = setUp(reuse)
      await leases.lease(seconds)
      assert.deepEqual(granted, [expected])
    })

  it('are shared for as long as they may be, by a thousand keys', async () => {
    const { clock, granted, leases } = setUp(7)
    const first = await leases.lease(3600)
    await clock.advance(7000)
    assert.equal(await leases.lease(3600), first)
    await clock.advance(1)
    assert.notEqual(await leases.lease(3600), first)
    for (let key = 1; key < 1000; key++) await leases.lease(3600)
    assert.equal(granted.length, 2)
    await leases.lease(3600)
    assert.equal(granted.length, 3)
  })
})
