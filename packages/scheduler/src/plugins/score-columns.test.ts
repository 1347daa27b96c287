import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, SeededRandom } from '@canopus/base'
import { NodeFigures } from '../node-figures.ts'
import { ScoreColumns } from './score-columns.ts'

test('kept scores are those that would be worked out anew, however many changes came between', () => {
  const random = new SeededRandom('columns')
  const figures = new NodeFigures()
  const columns = new ScoreColumns()
  let nodes = 0
  let spared = 0
  for (let step = 0; step < 300; step++) {
    const opened = step < 200 ? randomInt(random, 3) : 0
    for (let i = 0; i < opened; i++) figures.open(nodes++)
    // Now and then more changes than are remembered.
    const changes = step % 50 === 49 ? 10_000 : randomInt(random, 30)
    for (let i = 0; i < changes && nodes > 0; i++) {
      const slot = randomInt(random, nodes)
      figures.requestedCpu[slot] = randomInt(random, 50)
      figures.changed(slot)
    }
    if (nodes > 1 && step % 7 === 0) figures.move(nodes - 1, randomInt(random, nodes - 1))
    const add = randomInt(random, 3)
    const slots = Int32Array.from({ length: nodes }, (_, slot) => slot).filter(() => randomInt(random, 10) > step % 10)
    const plain = (slot: number): number => figures.requestedCpu[slot]! + add
    let asked = 0
    const counted = (slot: number): number => {
      asked++
      return plain(slot)
    }
    const scores = new Float64Array(slots.length)
    columns.fill(figures, String(add), counted, slots, scores)
    assert.deepEqual(scores, Float64Array.from(slots, plain), `step ${step}`)
    if (asked < slots.length) spared++
  }
  assert.ok(spared > 50, `only ${spared} times anything was kept`)
})
