/** Lets so many through at a time; the others wait in the order in which they came, the urgent ones before all others. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []
  readonly #urgent: (() => void)[] = []

  constructor(places: number) {
    this.#free = places
  }

  async use<T>(work: () => Promise<T>, urgent = false): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => (urgent ? this.#urgent : this.#waiting).push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#urgent.shift() ?? this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
