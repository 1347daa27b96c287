/**
 * How long changes of an owner's pods are gathered. Every look at an owner goes over all its pods, so that for big ones many
 * changes of one moment should be one look; small ones are looked at at once.
 */
export class Gathering {
  readonly #sizes = new Map<string, number>()

  /** Notes how many pods the owner has; none where it is gone. */
  note(key: string, pods: number): void {
    if (pods >= SMALL) this.#sizes.set(key, pods)
    else this.#sizes.delete(key)
  }

  /** Milliseconds to wait for more changes. */
  delay(key: string): number {
    return Math.min(LONGEST_MS, (this.#sizes.get(key) ?? 0) / PODS_PER_MS)
  }
}

const SMALL = 100
const PODS_PER_MS = 5
const LONGEST_MS = 1_000
