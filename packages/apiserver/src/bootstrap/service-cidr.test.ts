import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ServiceCIDRs } from '@canopus/api'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { ensureServiceCidr, keepServiceCidr } from './service-cidr.ts'

const [V4, V6] = ['10.0.0.0/24', '2001:db8::/64']
const NAME = 'kubernetes'

interface Case {
  before?: readonly string[]
  ready?: 'True' | 'False' | 'Unknown'
  wanted: readonly string[]
}

function world() {
  const clock = new SimulatedClock()
  const client = createClient(createFakeServer({ clock }))
  const ranges = client.resource(ServiceCIDRs)
  const state = async (): Promise<string> => {
    const { spec, status } = await ranges.get(NAME)
    return [...(spec?.cidrs ?? []), status?.conditions?.find(({ type }) => type === 'Ready')?.status].join()
  }
  return { clock, client, ranges, state }
}

async function outcome({ before, ready, wanted }: Case): Promise<string> {
  const { clock, client, ranges, state } = world()
  if (before !== undefined) {
    const made = await ranges.create({ metadata: { name: NAME }, spec: { cidrs: [...before] } })
    const conditions =
      ready === undefined
        ? []
        : [{ type: 'Ready', status: ready, reason: '', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }]
    await ranges.updateStatus({ ...made, status: { conditions } })
  }
  await ensureServiceCidr(client, wanted, clock.now())
  return state()
}

describe('the default ServiceCIDR', () => {
  const cases: readonly [string, Case, string][] = [
    ['is made', { wanted: [V4] }, `${V4},True`],
    ['is made of IPv6 alone', { wanted: [V6] }, `${V6},True`],
    ['gets a second family', { before: [V4], wanted: [V4, V6] }, `${V4},${V6},True`],
    ['does not lose one', { before: [V4, V6], ready: 'True', wanted: [V4] }, `${V4},${V6},True`],
    ['does not become another', { before: [V6], wanted: [V4] }, `${V6},`],
    ['is told to be ready', { before: [V4], ready: 'Unknown', wanted: [V4] }, `${V4},True`],
    ['is left as somebody else told', { before: [V4], ready: 'False', wanted: [V4] }, `${V4},False`],
  ]
  for (const [name, given, expected] of cases) {
    it(name, async () => assert.equal(await outcome(given), expected))
  }

  it('is made again, of what this server was told', async () => {
    const { clock, client, ranges, state } = world()
    const stop = new AbortController()
    const keeping = keepServiceCidr({ client, clock, logger: silentLogger }, [V4], stop.signal)
    await ranges.create({ metadata: { name: NAME }, spec: { cidrs: [V6] } })
    await clock.advance(10_000)
    assert.equal(await state(), `${V6},`)
    await ranges.delete(NAME)
    await clock.advance(10_000)
    assert.equal(await state(), `${V4},True`)
    stop.abort()
    await clock.advance(10_000)
    await keeping
  })
})
