import { type Store, StoreClosedError, StoreUnavailableError, type ValueAt, type WriteOptions } from '@canopus/store'

/** What is wrong with the disk. Shared by all views of the store. */
export interface DiskState {
  /** Writes are refused. */
  full: boolean
}

const FULL = 'the disk is full: no space left on device'

/**
 * One API server's view of the store. It refuses writes while the disk is full, and everything once that server has died:
 * what the dead process would still have done does not reach the store.
 */
export function viewOfStore(store: Store, disk: DiskState, died: AbortSignal): Store {
  const alive = (): void => {
    if (died.aborted) throw new StoreClosedError()
  }
  const writable = (): void => {
    alive()
    if (disk.full) throw new StoreUnavailableError(FULL)
  }
  return {
    async revision() {
      alive()
      return store.revision()
    },
    async get(key) {
      alive()
      return store.get(key)
    },
    async list(prefix, options) {
      alive()
      return store.list(prefix, options)
    },
    async count(prefix) {
      alive()
      return store.count(prefix)
    },
    async create(key: string, value: ValueAt, options?: WriteOptions) {
      writable()
      return store.create(key, value, options)
    },
    async update(key: string, value: ValueAt, expected: number, options?: WriteOptions) {
      writable()
      return store.update(key, value, expected, options)
    },
    async delete(key, expected) {
      writable()
      return store.delete(key, expected)
    },
    watch: (prefix, from, signal) => store.watch(prefix, from, AbortSignal.any([signal, died])),
    async compact(revision) {
      alive()
      return store.compact(revision)
    },
    compactedRevision: () => store.compactedRevision(),
    size: () => store.size(),
    async close() {},
  }
}
