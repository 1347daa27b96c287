/** A set of strings kept in byte order, as the store orders its keys. */
export class SortedNames {
  readonly #names: string[] = []

  get values(): readonly string[] {
    return this.#names
  }

  add(name: string): void {
    const at = this.lowerBound(name)
    if (this.#names[at] !== name) this.#names.splice(at, 0, name)
  }

  remove(name: string): void {
    const at = this.lowerBound(name)
    if (this.#names[at] === name) this.#names.splice(at, 1)
  }

  /** Index of the first name that is not before `name`. */
  lowerBound(name: string): number {
    let low = 0
    let high = this.#names.length
    // Most names arrive in order: look at the end first.
    if (high > 0 && this.#names[high - 1]! < name) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#names[middle]! < name) low = middle + 1
      else high = middle
    }
    return low
  }
}
