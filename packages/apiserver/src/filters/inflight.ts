import type { Clock } from '@canopus/base'

/** The most requests of a kind at once within a second: the last full one, or the running one where that has more. */
class Watermark {
  #now = 0
  #high = 0
  #second = 0
  #before = 0

  add(delta: number, second: number): void {
    this.turn(second)
    this.#now += delta
    if (this.#now > this.#high) this.#high = this.#now
  }

  high(second: number): number {
    this.turn(second)
    return Math.max(this.#before, this.#high)
  }

  get now(): number {
    return this.#now
  }

  private turn(second: number): void {
    if (second === this.#second) return
    this.#before = second === this.#second + 1 ? this.#high : this.#now
    this.#high = this.#now
    this.#second = second
  }
}

/** How many requests are executed and wait, reading and writing ones apart. */
export class Inflight {
  readonly #clock: Clock
  #whenIdle: (() => void) | undefined
  readonly #marks = {
    executing: { readOnly: new Watermark(), mutating: new Watermark() },
    waiting: { readOnly: new Watermark(), mutating: new Watermark() },
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `now` by the monotonic clock, in milliseconds. */
  executes(readOnly: boolean, delta: number, now: number): void {
    const { executing } = this.#marks
    const mark = readOnly ? executing.readOnly : executing.mutating
    mark.add(delta, Math.floor(now / 1000))
    if (this.#whenIdle !== undefined && this.open === 0) this.#whenIdle()
  }

  /** Resolves when nobody is inside. */
  async idle(): Promise<void> {
    if (this.open === 0) return
    await new Promise<void>(resolve => {
      this.#whenIdle = resolve
    })
  }

  waits(readOnly: boolean, delta: number): void {
    const { waiting } = this.#marks
    const mark = readOnly ? waiting.readOnly : waiting.mutating
    mark.add(delta, this.second())
  }

  high(phase: 'executing' | 'waiting', kind: 'readOnly' | 'mutating'): number {
    return this.#marks[phase][kind].high(this.second())
  }

  /** Requests inside, executed or waiting. */
  get open(): number {
    const { executing, waiting } = this.#marks
    return executing.readOnly.now + executing.mutating.now + waiting.readOnly.now + waiting.mutating.now
  }

  private second(): number {
    return Math.floor(this.#clock.monotonic() / 1000)
  }
}
