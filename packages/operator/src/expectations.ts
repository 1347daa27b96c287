/**
 * What a controller has done and not yet seen come back through its informers. While something is outstanding it must not
 * count objects, or it would create and delete twice. Behaviour: kubernetes pkg/controller/controller_utils.go.
 */
import type { Clock } from '@canopus/base'
import type { Key } from './controller.ts'

const TIMEOUT_MS = 5 * 60_000

interface Expectation {
  creations: number
  deletions: Set<string>
  since: number
}

export class Expectations {
  readonly #clock: Clock
  readonly #expected = new Map<Key, Expectation>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the informers show all that was done; after five minutes they count as wrong and the answer is yes. */
  satisfied(key: Key): boolean {
    const expected = this.#expected.get(key)
    if (!expected) return true
    if (expected.creations <= 0 && expected.deletions.size === 0) return true
    return this.#clock.monotonic() - expected.since > TIMEOUT_MS
  }

  /** Milliseconds after which what is still outstanding counts as wrong, and somebody should look; nothing where all is seen. */
  patience(key: Key): number | undefined {
    if (this.satisfied(key)) return undefined
    return Math.max(0, this.#expected.get(key)!.since + TIMEOUT_MS + 1 - this.#clock.monotonic())
  }

  /**
   * Everything that was made is in the informers, or has been and gone: what came and went while an informer was behind is never
   * told of.
   */
  creationsSeen(key: Key): void {
    const expected = this.#expected.get(key)
    if (expected) expected.creations = 0
  }

  /** Call before the requests are sent; `lowerCreations` for those that fail. */
  expectCreations(key: Key, count: number): void {
    this.#entry(key).creations += count
  }

  creationObserved(key: Key): void {
    this.lowerCreations(key, 1)
  }

  lowerCreations(key: Key, count: number): void {
    const expected = this.#expected.get(key)
    if (expected) expected.creations = Math.max(0, expected.creations - count)
  }

  /** Call before the requests are sent; `deletionObserved` for those that fail. */
  expectDeletions(key: Key, uids: readonly string[]): void {
    const entry = this.#entry(key)
    for (const uid of uids) entry.deletions.add(uid)
  }

  deletionObserved(key: Key, uid: string): void {
    this.#expected.get(key)?.deletions.delete(uid)
  }

  /** The owner is gone. */
  forget(key: Key): void {
    this.#expected.delete(key)
  }

  #entry(key: Key): Expectation {
    const known = this.#expected.get(key)
    if (known && !this.satisfied(key)) {
      known.since = this.#clock.monotonic()
      return known
    }
    const entry = { creations: 0, deletions: new Set<string>(), since: this.#clock.monotonic() }
    this.#expected.set(key, entry)
    return entry
  }
}
