import type { LogRecord, RevisionLog } from '../mvcc/revision-log.ts'
import type { KeyValue } from '../store.ts'

/** Values by revision in this process's memory. */
export class MemoryLog implements RevisionLog {
  readonly #values = new Map<number, KeyValue>()
  #bytes = 0

  load(): { revision: number; compacted: number } {
    return { revision: 1, compacted: 1 }
  }

  append(records: readonly LogRecord[]): Promise<void> | undefined {
    for (const { key, value, revision } of records) {
      if (value === undefined) continue
      this.#values.set(revision, { key, value, revision })
      this.#bytes += value.length
    }
    return undefined
  }

  read(revision: number): KeyValue {
    const found = this.#values.get(revision)
    if (!found) throw new Error(`the store has lost revision ${revision}`)
    return found
  }

  readMany(revisions: readonly number[]): KeyValue[] {
    return revisions.map(revision => this.read(revision))
  }

  setCompacted(): undefined {}

  forget(revisions: readonly number[]): void {
    for (const revision of revisions) {
      this.#bytes -= this.#values.get(revision)?.value.length ?? 0
      this.#values.delete(revision)
    }
  }

  size(): number {
    return this.#bytes
  }

  close(): undefined {
    this.#values.clear()
  }
}
