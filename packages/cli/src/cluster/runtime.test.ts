import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { CriError } from '@canopus/cri'
import { removePod } from './runtime.ts'

/** A runtime that cannot remove a pod so many times, and what it was asked. */
function runtime(refusals: number, error: Error) {
  const asked: string[] = []
  let left = refusals
  const cri: Parameters<typeof removePod>[0] = {
    listContainers: async () => ({ containers: [{ id: 'c' }] }) as never,
    stopContainer: async () => void asked.push('stop container') as never,
    stopPodSandbox: async () => void asked.push('stop') as never,
    removePodSandbox: async () => {
      asked.push('remove')
      if (left-- > 0) throw error
      return {} as never
    },
  }
  return { cri, asked }
}

describe('removePod', () => {
  const starting = new CriError('RemovePodSandbox', 'UNKNOWN', "container is in starting state, can't be removed")
  const once = ['stop container', 'stop', 'remove']

  it('waits for a container that is still starting, and stops it then', async () => {
    const clock = new SimulatedClock()
    const { cri, asked } = runtime(2, starting)
    const removed = removePod(cri, 'p', 1, clock)
    await clock.advance(1_000)
    await removed
    assert.deepEqual(asked, [...once, ...once, ...once])
  })

  it('says what containerd says in the end', async () => {
    const clock = new SimulatedClock()
    const rejected = assert.rejects(removePod(runtime(1_000, starting).cri, 'p', 1, clock), starting)
    await clock.advance(11_000)
    await rejected
  })

  it('does not repeat what is no answer of the runtime', async () => {
    const { cri, asked } = runtime(1, new TypeError('no'))
    await assert.rejects(removePod(cri, 'p', 1, new SimulatedClock()), TypeError)
    assert.deepEqual(asked, once)
  })
})
