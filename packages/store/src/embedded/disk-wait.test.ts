import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DiskWait } from './disk-wait.ts'

/** A disk that takes so many milliseconds, and who waited for it. */
function disk(milliseconds: number) {
  let now = 0
  const waited: string[] = []
  const state = { milliseconds }
  const answer = (way: string): void => {
    waited.push(way)
    now += state.milliseconds
  }
  const wait = new DiskWait({ later: async () => answer('later'), now: () => answer('now') }, { monotonic: () => now })
  const commits = async (count: number, records: number): Promise<string> => {
    waited.length = 0
    for (let n = 0; n < count; n++) await wait.after(records, 3)
    return waited.map(way => way[0]).join('')
  }
  return { state, commits }
}

describe('waiting for the disk', () => {
  test('in place once it has been fast, for lone writes alone', async () => {
    const { commits } = disk(0.2)
    assert.equal(await commits(10, 1), 'llllllllnn')
    assert.equal(await commits(2, 3), 'll')
    assert.equal(await commits(2, 2), 'nn')
  })

  test('elsewhere where it is slow, and again after one slow answer', async () => {
    const { state, commits } = disk(2)
    assert.equal(await commits(12, 1), 'l'.repeat(12))
    state.milliseconds = 0.2
    assert.equal(await commits(9, 1), 'lllllllln')
    state.milliseconds = 30
    assert.equal(await commits(3, 1), 'nll')
    state.milliseconds = 0.2
    assert.equal(await commits(9, 1), 'lllllllln')
  })
})
