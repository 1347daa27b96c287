/**
 * What is on its way to watchers. Handing bytes to a stream costs 5 to 25 us, so a change that thousands of watchers see would
 * stop the event loop for as long; here it goes out in slices, and between them the server does other work.
 */
import type { Piece } from '@canopus/client'

export interface Receiver {
  send(piece: Piece): void
}

/** Streams that are served in one turn of the event loop: 2 to 5 ms of work. */
const SLICE = 200

interface Delivery {
  readonly piece: Piece
  readonly receivers: readonly Receiver[]
  next: number
}

/** Deliveries go out in the order in which they came. */
export class Deliveries {
  #queue: Delivery[] = []
  #left = SLICE
  #scheduled = false
  readonly #whenIdle: () => void
  readonly #defer: (work: () => void) => void

  /** `whenIdle` is called each time that everything that had to wait has gone out. */
  constructor(whenIdle: () => void, defer: (work: () => void) => void = setImmediate) {
    this.#whenIdle = whenIdle
    this.#defer = defer
  }

  get busy(): boolean {
    return this.#queue.length > 0
  }

  /** Sends at once as long as this turn's slice lasts; the rest follows in later turns, to those who are receivers now. */
  add(piece: Piece, receivers: ReadonlySet<Receiver>): void {
    if (this.busy || receivers.size > this.#left) {
      this.#queue.push({ piece, receivers: [...receivers], next: 0 })
      this.schedule()
      return
    }
    this.#left -= receivers.size
    for (const receiver of receivers) receiver.send(piece)
    this.schedule()
  }

  /** Sends everything now. */
  finish(): void {
    const queue = this.#queue
    this.#queue = []
    for (const { piece, receivers, next } of queue)
      for (let at = next; at < receivers.length; at++) receivers[at]!.send(piece)
  }

  private schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#defer(() => this.turn())
  }

  private turn(): void {
    this.#scheduled = false
    this.#left = SLICE
    const waited = this.busy
    for (let first = this.#queue[0]; first !== undefined && this.#left > 0; first = this.#queue[0]) {
      for (; first.next < first.receivers.length && this.#left > 0; this.#left--)
        first.receivers[first.next++]!.send(first.piece)
      if (first.next === first.receivers.length) this.#queue.shift()
    }
    if (this.busy) this.schedule()
    else if (waited) this.#whenIdle()
  }
}
