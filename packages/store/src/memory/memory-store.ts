import type { Clock } from '@canopus/base'
import { MvccStore } from '../mvcc/mvcc-store.ts'
import type { Store } from '../store.ts'
import { MemoryLog } from './memory-log.ts'

export interface MemoryStoreOptions {
  clock: Clock
  /** Older history goes by itself once there are twice as many revisions. Default 100,000. */
  historyLimit?: number
}

/** A store that lives and dies with this process: for tests and simulation. Needs nothing but promise jobs and the clock. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  return new MvccStore({
    log: new MemoryLog(),
    clock: options.clock,
    defer: queueMicrotask,
    commitLimit: Number.POSITIVE_INFINITY,
    historyLimit: options.historyLimit ?? 100_000,
  })
}
