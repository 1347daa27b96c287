/** Names for requests: one random UUID per server, whose last part counts. A random one per request would cost more than a GET. */
import { type Random, uuid } from '@canopus/base'

export class AuditIds {
  readonly #prefix: string
  #count = 0

  constructor(random: Random) {
    this.#prefix = uuid(random).slice(0, 24)
  }

  next(): string {
    this.#count++
    return this.#prefix + this.#count.toString(16).padStart(12, '0')
  }
}
