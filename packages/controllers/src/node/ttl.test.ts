import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Nodes } from '@canopus/api'
import { createWorld } from '../testing/world.ts'
import { createTtlController, nextStep, secondsAt, TTL_ANNOTATION } from './ttl.ts'

const table: [string, before: number, nodes: number, seconds: number][] = [
  ['small', 0, 100, 0],
  ['grows', 0, 101, 15],
  ['a little smaller changes nothing', 1, 90, 15],
  ['much smaller', 1, 89, 0],
  ['very big at once', 0, 5000, 300],
  ['very small at once', 4, 3, 0],
]
for (const [name, before, nodes, seconds] of table) {
  test(`time to live: ${name}`, () => assert.equal(secondsAt(nextStep(before, nodes)), seconds))
}

test('every node is annotated, those that others change too', async () => {
  const world = createWorld()
  for (let index = 0; index < 101; index++) {
    world.server.add(Nodes, { metadata: { name: `n${index}` }, spec: {} })
  }
  await world.start(createTtlController(world.context))
  await world.settle()
  const values = world.server.list(Nodes).map(node => node.metadata.annotations?.[TTL_ANNOTATION])
  assert.deepEqual(new Set(values), new Set(['15']))
  world.server.change(Nodes, 'n0', undefined, node => {
    node.metadata.annotations = { [TTL_ANNOTATION]: 'x' }
  })
  await world.settle(1)
  assert.equal(world.server.get(Nodes, 'n0')?.metadata.annotations?.[TTL_ANNOTATION], '15')
  world.stop()
})

test('a node that saw the cluster grow is corrected once, after the growth', async () => {
  const world = createWorld()
  const annotated = (name: string) => world.server.get(Nodes, name)?.metadata.annotations?.[TTL_ANNOTATION]
  const grow = (from: number, to: number): void => {
    for (let index = from; index < to; index++) world.server.add(Nodes, { metadata: { name: `n${index}` }, spec: {} })
  }
  const touch = (): void => {
    world.server.change(Nodes, 'n0', undefined, node => {
      node.metadata.labels = { touched: String(world.clock.now()) }
    })
  }
  grow(0, 1)
  await world.start(createTtlController(world.context))
  await world.settle()
  const seen = [annotated('n0')]
  for (const size of [200, 600]) {
    grow(size === 200 ? 1 : 200, size)
    touch()
    await world.settle()
    seen.push(annotated('n0'))
  }
  await world.settle(10_000)
  assert.deepEqual([...seen, annotated('n0')], ['0', '0', '0', '30'])
  assert.equal(annotated('n599'), '30')
  world.stop()
})
