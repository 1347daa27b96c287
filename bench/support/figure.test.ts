import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { figureLines } from '../report.ts'
import { atLeast, atMost, figureOf, isMet, median, rounded } from './figure.ts'

describe('figures', () => {
  it('are medians of their runs', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 2, 3]), 3)
    assert.throws(() => median([]))
    assert.equal(figureOf('x', 'ms', [10, 30, 20]).value, 20)
  })

  it('keep three digits that count', () => {
    assert.deepEqual([0, 0.012345, 12.345, 999.9, 12_345.6].map(rounded), [0, 0.0123, 12.3, 1000, 12_350])
  })

  it('meet their targets or not', () => {
    assert.ok(isMet(figureOf('x', 'ms', [20], { target: atMost(20) })))
    assert.ok(!isMet(figureOf('x', 'ms', [20.1], { target: atMost(20) })))
    assert.ok(isMet(figureOf('x', '/s', [4000], { target: atLeast(4000) })))
    assert.ok(!isMet(figureOf('x', '/s', [3999], { target: atLeast(4000) })))
    assert.ok(isMet(figureOf('x', '/s', [1])))
  })

  it('are shown with target, ratio and verdict', () => {
    const figure = figureOf('creates', '/s', [5000], {
      target: atLeast(4000),
      peer: { name: 'bare', value: 10_000 },
      detail: '200 us each',
    })
    assert.equal(
      figureLines(figure),
      'ok      creates: 5,000 /s (at least 4,000)\n        bare: 10,000 /s, ratio 0.5\n        200 us each',
    )
    assert.match(figureLines({ ...figure, value: 3000 }), /^MISSED {2}creates: 3,000/)
    assert.equal(figureLines({ ...figure, skipped: 'needs root' }), 'skipped creates\n        needs root')
  })
})
