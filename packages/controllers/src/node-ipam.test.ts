import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Nodes } from '@canopus/api'
import { createClient } from '@canopus/client'
import { createNodeIpamController, freeRange } from './node-ipam.ts'
import { createWorld } from './testing/world.ts'

describe('freeRange', () => {
  const cases: [taken: string[], expected: string | undefined][] = [
    [[], '10.244.0.0/24'],
    [['10.244.0.0/24', '10.244.2.0/24'], '10.244.1.0/24'],
    [['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24'], undefined],
  ]
  for (const [taken, expected] of cases) {
    it(`${taken.length} taken`, () =>
      assert.equal(freeRange({ clusterCidr: '10.244.0.0/22' }, new Set(taken)), expected))
  }
})

describe('node IPAM', () => {
  it('gives nodes ranges of their own and keeps those that they have', async () => {
    const world = createWorld()
    const nodes = createClient(world.server).resource(Nodes)
    await nodes.create({ metadata: { name: 'old' }, spec: { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'] } })
    await world.start(createNodeIpamController(world.context, { clusterCidr: '10.244.0.0/16' }))
    await nodes.create({ metadata: { name: 'a' }, spec: {} })
    await nodes.create({ metadata: { name: 'b' }, spec: {} })
    await world.settle()
    const { items } = await nodes.list()
    assert.deepEqual(Object.fromEntries(items.map(node => [node.metadata.name, node.spec.podCIDR])), {
      old: '10.244.0.0/24',
      a: '10.244.1.0/24',
      b: '10.244.2.0/24',
    })
    world.stop()
  })
})
