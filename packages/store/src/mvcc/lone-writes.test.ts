import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { MemoryLog } from '../memory/memory-log.ts'
import { utf8 } from '../testing/watching.ts'
import { MvccStore } from './mvcc-store.ts'
import type { LogRecord } from './revision-log.ts'

class CountingLog extends MemoryLog {
  /** Revisions of each append. */
  readonly appends: number[][] = []

  override append(records: readonly LogRecord[]): Promise<void> | undefined {
    this.appends.push(records.map(({ revision }) => revision))
    return super.append(records)
  }
}

/** A store whose moments end when the test says, and the clock that says who is alone. */
function storeByHand() {
  const log = new CountingLog()
  const clock = new SimulatedClock()
  const deferred: (() => void)[] = []
  const store = new MvccStore({
    log,
    clock,
    defer: callback => deferred.push(callback),
    loneAfter: 1,
    commitLimit: 1000,
  })
  const endMoment = (): void => {
    for (const callback of deferred.splice(0)) callback()
  }
  const create = (key: string) => store.create(key, () => utf8(key))
  return { log, clock, store, create, endMoment }
}

describe('a write where no others come', () => {
  test('is committed as soon as it is decided', async () => {
    const { log, clock, store, create } = storeByHand()
    const { revision } = await create('/a')
    await clock.advance(2)
    await store.update('/a', () => utf8('2'), revision)
    await clock.advance(2)
    await store.delete('/a', revision + 1)
    assert.deepEqual(log.appends, [[2], [3], [4]])
  })

  test('waits for others right after another, and after one of many', async () => {
    const { log, clock, create, endMoment } = storeByHand()
    await create('/a')
    const few = [create('/b'), create('/c')]
    assert.deepEqual(log.appends, [[2]])
    endMoment()
    await Promise.all(few)
    await clock.advance(2)
    const afterMany = create('/d')
    await Promise.resolve()
    assert.deepEqual(log.appends, [[2], [3, 4]])
    endMoment()
    await afterMany
    await clock.advance(2)
    await create('/e')
    assert.deepEqual(log.appends, [[2], [3, 4], [5], [6]])
  })

  test('waits for what is built upon it', async () => {
    const { log, store, create, endMoment } = storeByHand()
    const built = new Promise((resolve, reject) => {
      const decided = (): void => void create('/on-it').then(resolve, reject)
      store.create('/claim', () => utf8('claim'), { decided }).catch(reject)
    })
    await Promise.resolve()
    assert.deepEqual(log.appends, [])
    endMoment()
    await built
    assert.deepEqual(log.appends, [[2, 3]])
  })
})
