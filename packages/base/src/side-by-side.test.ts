import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deferred } from './deferred.ts'
import { sideBySide } from './side-by-side.ts'

describe('side by side', () => {
  it('all items are acted on, never more than so many at a time', async () => {
    const gates = [0, 1, 2, 3, 4].map(() => deferred<void>())
    const begun: number[] = []
    const done = sideBySide([0, 1, 2, 3, 4], 2, each => {
      begun.push(each)
      return gates[each]!.promise
    })
    assert.deepEqual(begun, [0, 1])
    gates[1]!.resolve()
    await gates[1]!.promise
    await new Promise(setImmediate)
    assert.deepEqual(begun, [0, 1, 2])
    for (const gate of gates) gate.resolve()
    await done
    assert.deepEqual(begun, [0, 1, 2, 3, 4])
  })

  it('the first failure is told', async () => {
    const act = (each: number): Promise<void> => (each === 1 ? Promise.reject(new Error('one')) : Promise.resolve())
    await assert.rejects(sideBySide([0, 1, 2], 1, act), /one/)
    await sideBySide([], 3, act)
  })
})
