import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deferred } from '@canopus/base'
import { removeEach } from './delete-collection.ts'

describe('the objects of a collection', () => {
  const items = [1, 2, 3, 4, 5, 6]
  const refuse = (): Promise<void> => Promise.reject(new Error('no'))

  it('go one after the other with one worker', async () => {
    const log: string[] = []
    await removeEach(items, 1, async item => {
      log.push(`begin ${item}`)
      await null
      log.push(`end ${item}`)
    })
    assert.deepEqual(
      log,
      items.flatMap(item => [`begin ${item}`, `end ${item}`]),
    )
  })

  it('do not wait for the disk, but the answer does', async () => {
    const begun: number[] = []
    const { promise: durable, resolve: sync } = deferred()
    let isDone = false
    const all = removeEach(items, 1, (item, decided) => {
      begun.push(item)
      decided()
      return durable
    }).then(() => {
      isDone = true
    })
    while (begun.length < items.length) await null
    await new Promise(setImmediate)
    assert.equal(isDone, false)
    sync()
    await all
    assert.deepEqual(begun, items)
  })

  const rows: readonly [workers: number, refused: readonly number[], begun: readonly number[]][] = [
    [1, [], [1, 2, 3, 4, 5, 6]],
    [1, [3], [1, 2, 3]],
    [1, [1, 2], [1]],
    [2, [3], [1, 2, 3, 4, 5, 6]],
    [2, [1, 2], [1, 2]],
    [0, [2], [1, 2]],
  ]
  for (const [workers, refused, expected] of rows) {
    it(`with ${workers} workers and ${refused.join(' and ') || 'none'} refused: ${expected.join(', ')} are tried`, async () => {
      const begun: number[] = []
      const work = removeEach(items, workers, async item => {
        begun.push(item)
        if (refused.includes(item)) await refuse()
      })
      if (refused.length === 0) await work
      else await assert.rejects(work, /^Error: no$/)
      assert.deepEqual(begun, expected)
    })
  }
})
