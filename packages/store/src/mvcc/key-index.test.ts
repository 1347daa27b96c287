import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KeyIndex } from './key-index.ts'

/** Writes to one key: `+` a put, `-` a removal. */
function indexOf(writes: string): KeyIndex {
  const index = new KeyIndex()
  for (const write of writes.split(' ').filter(Boolean)) index.add('a', Math.abs(Number(write)), write.startsWith('-'))
  return index
}

/** What the index still knows of the key, oldest first. */
function known(index: KeyIndex): string {
  const writes = index.writesBetween('a', 0, Number.MAX_SAFE_INTEGER)
  return writes.map(({ version }) => `${version.deleted ? '-' : '+'}${version.revision}`).join(' ')
}

describe('KeyIndex', () => {
  const history = '+2 +5 -7 +9'

  for (const [revision, shown] of [
    [1, undefined],
    [2, 2],
    [4, 2],
    [6, 5],
    [7, undefined],
    [8, undefined],
    [9, 9],
    [20, 9],
  ] as const)
    test(`${history}: at ${revision} the key shows ${shown}`, () => {
      assert.equal(indexOf(history).at('a', revision)?.revision, shown)
    })

  for (const [compacted, left, dropped] of [
    [1, '+2 +5 -7 +9', []],
    [2, '+2 +5 -7 +9', []],
    [5, '+5 -7 +9', [2]],
    [6, '+5 -7 +9', [2]],
    [7, '+9', [5, 2, 7]],
    [8, '+9', [5, 2, 7]],
    [9, '+9', [7, 5, 2]],
  ] as const)
    test(`${history}: a sweep up to ${compacted} leaves ${left}`, () => {
      const index = indexOf(history)
      assert.deepEqual(index.sweep('', compacted, 10), { dropped, next: undefined })
      assert.equal(known(index), left)
    })

  test('a sweep forgets a key that was removed', () => {
    const index = indexOf('+2 -3')
    index.add('b', 4, false)
    assert.deepEqual(index.sweep('', 4, 10).dropped, [2, 3])
    assert.equal(index.newest('a'), undefined)
    assert.equal(known(index), '')
  })

  test('a sweep goes on where it stopped', () => {
    const index = new KeyIndex()
    for (let n = 0; n < 5; n++) for (const round of [1, 2]) index.add(`k${n}`, round * 10 + n, false)
    const first = index.sweep('', 100, 3)
    assert.deepEqual(first, { dropped: [10, 11, 12], next: 'k3' })
    assert.deepEqual(index.sweep(first.next!, 100, 3), { dropped: [13, 14], next: undefined })
  })

  test('undo takes writes back, the first one together with its key', () => {
    const index = indexOf('+2 -3')
    index.undo('a')
    assert.equal(known(index), '+2')
    index.undo('a')
    index.undo('a')
    assert.equal(index.newest('a'), undefined)
  })
})
