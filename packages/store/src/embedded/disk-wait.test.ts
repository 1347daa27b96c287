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
  const wait = new DiskWait({ monotonic: () => now })
  const ways = { later: async () => answer('later'), now: () => answer('now') }
  const commits = async (count: number): Promise<string> => {
    waited.length = 0
    for (let n = 0; n < count; n++) await wait.write(ways)
    return waited.map(way => way[0]).join('')
  }
  return { state, commits }
}

describe('waiting for the disk', () => {
  test('in place where it is fast', async () => {
    const { commits } = disk(0.2)
    assert.equal(await commits(3), 'nnn')
  })

  test('in place where most of the last tries were fast, however slow one of them was', async () => {
    const { state, commits } = disk(0.2)
    await commits(20)
    state.milliseconds = 40
    assert.equal(await commits(4), 'nnnn')
    state.milliseconds = 0.2
    assert.equal(await commits(5), 'nnnnn')
    state.milliseconds = 40
    assert.equal(await commits(6), 'nnnnnl', 'five of nine were slow')
    state.milliseconds = 0.2
    assert.equal(await commits(4), 'nnnn', 'the first fast one ends it')
  })

  test('elsewhere where it is slow, tried again after longer and longer pauses', async () => {
    const { state, commits } = disk(2)
    const later = (count: number): string => 'l'.repeat(count)
    assert.equal(await commits(16), `n${later(1)}n${later(2)}n${later(4)}n${later(5)}`)
    await commits(20_000)
    const tries = [...(await commits(10_250))].filter(way => way === 'n')
    assert.equal(tries.length, 10)
    state.milliseconds = 0.2
    assert.match(await commits(1030), /^l+n+$/)
    await commits(20)
    state.milliseconds = 2
    assert.equal(await commits(12), `nnnnn${later(1)}n${later(2)}n${later(2)}`)
  })
})
