import type { StoreEvent } from '../store.ts'
import { text } from './watching.ts'

interface Write {
  readonly revision: number
  readonly key: string
  /** Missing where the key was removed. */
  readonly value: string | undefined
}

/** The least program that does what a store must do: a list of all writes, searched from the start every time. */
export class StoreModel {
  revision = 1
  compacted = 1
  readonly #writes: Write[] = []

  /** The newest write to `key` up to `revision`; nothing where that was a removal. */
  at(key: string, revision = this.revision): Write | undefined {
    const last = this.#writes.findLast(write => write.key === key && write.revision <= revision)
    return last?.value === undefined ? undefined : last
  }

  write(key: string, value: string | undefined): number {
    this.#writes.push({ revision: ++this.revision, key, value })
    return this.revision
  }

  /** Keys at `revision` with their values and revisions, as text. */
  list(prefix: string, revision: number, startKey = ''): string[] {
    const keys = [...new Set(this.#writes.map(write => write.key))].sort()
    return keys
      .filter(key => key.startsWith(prefix) && key >= startKey)
      .map(key => this.at(key, revision))
      .filter(write => write !== undefined)
      .map(write => `${write.key}=${write.value}@${write.revision}`)
  }

  /** What a watch must deliver, as text. */
  events(prefix: string, from: number): string[] {
    return this.#writes
      .filter(write => write.revision > from && write.key.startsWith(prefix))
      .map(({ revision, key, value }) => {
        const before = this.at(key, revision - 1)
        const previous = before ? ` was ${before.value}@${before.revision}` : ''
        return `${revision} ${value === undefined ? 'delete' : 'put'} ${key}=${value ?? before?.value}${previous}`
      })
  }

  /** Goes back to an earlier moment: what was written since was refused. */
  takeBack(revision: number): void {
    while ((this.#writes.at(-1)?.revision ?? 0) > revision) this.#writes.pop()
    this.revision = revision
  }
}

/** An event of the store in the model's words. */
export function eventText(event: StoreEvent): string {
  const previous = event.previous ? ` was ${text(event.previous.value)}@${event.previous.revision}` : ''
  return `${event.revision} ${event.type} ${event.key}=${text(event.value)}${previous}`
}
