/** One open watch of the fake server: events are pushed in, chunks are pulled out. */
export class WatchStream implements AsyncIterable<Uint8Array> {
  #lines: string[] = []
  #ended = false
  #wake: (() => void) | undefined
  readonly #signal: AbortSignal | undefined
  readonly #onClose: () => void

  constructor(signal: AbortSignal | undefined, onClose: () => void) {
    this.#signal = signal
    this.#onClose = onClose
  }

  push(event: { type: string; object: unknown }): void {
    this.#lines.push(`${JSON.stringify(event)}\n`)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const onAbort = (): void => this.#wake?.()
    this.#signal?.addEventListener('abort', onAbort, { once: true })
    try {
      while (true) {
        this.#signal?.throwIfAborted()
        if (this.#lines.length > 0) yield new TextEncoder().encode(this.#lines.splice(0).join(''))
        else if (this.#ended) return
        else await new Promise<void>(resolve => (this.#wake = resolve))
      }
    } finally {
      this.#signal?.removeEventListener('abort', onAbort)
      this.#onClose()
    }
  }
}
