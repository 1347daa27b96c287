import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigMaps } from '@canopus/api'
import { formatDay } from '@canopus/apimachinery'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { FakeObjects } from '../authn/testing/fake-objects.ts'
import { keepLegacyTokenTracking } from './legacy-token-tracking.ts'

const NAME = 'kube-apiserver-legacy-service-account-token-tracking'
const NAMESPACE = 'kube-system'
const MINUTE = 60_000

/** The keeper over a cache that the test brings up to date; `since` is what is stored. */
function world(data?: Record<string, string>) {
  const clock = new SimulatedClock()
  const client = createClient(createFakeServer({ clock }))
  const maps = client.resource(ConfigMaps)
  const objects = new FakeObjects()
  const end = new AbortController()
  const find = () => maps.get(NAME, { namespace: NAMESPACE }).catch(() => undefined)
  async function settle(milliseconds = 0): Promise<void> {
    await clock.advance(milliseconds)
    const stored = await find()
    if (stored === undefined) objects.remove(ConfigMaps, NAME, NAMESPACE)
    else objects.put(ConfigMaps, stored)
    await clock.advance(0)
  }
  return {
    today: formatDay(clock.now()),
    settle,
    since: async () => (await find())?.data?.since,
    remove: () => maps.delete(NAME, { namespace: NAMESPACE }),
    async run(work: () => Promise<void>): Promise<void> {
      if (data !== undefined) await maps.create({ metadata: { name: NAME, namespace: NAMESPACE }, data })
      await settle()
      const running = keepLegacyTokenTracking({ objects, client, clock, logger: silentLogger }, end.signal)
      await settle()
      await work()
      end.abort()
      await running
    },
  }
}

describe('since when legacy tokens are tracked', () => {
  const cases: readonly [string, Record<string, string> | undefined, string][] = [
    ['is said where nobody has', undefined, 'today'],
    ['stays what it was', { since: '2020-02-02' }, '2020-02-02'],
    ['is mended where it is no day', { since: '2020-02-31x' }, 'today'],
    ['is mended where it is missing', {}, 'today'],
  ]
  for (const [name, data, expected] of cases) {
    it(name, async () => {
      const { run, since, today } = world(data)
      await run(async () => assert.equal(await since(), expected === 'today' ? today : expected))
    })
  }

  it('is said again where it was deleted, half an hour after it was said last', async () => {
    const { run, remove, settle, since, today } = world()
    await run(async () => {
      await remove()
      await settle(29 * MINUTE)
      assert.equal(await since(), undefined)
      await settle(2 * MINUTE)
      assert.equal(await since(), today)
    })
  })
})
