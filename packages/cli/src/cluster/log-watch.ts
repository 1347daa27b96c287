import { closeSync, openSync, readSync, statSync } from 'node:fs'

/** Ends so often in a row before we say that a component does not start. */
const ENOUGH = 3

/** Looks at what a supervised component has written since now. */
export class LogWatch {
  readonly #path: string
  readonly #from: number

  constructor(path: string) {
    this.#path = path
    this.#from = sizeOf(path)
  }

  /** The component's last words, where it has ended that often; nothing otherwise. */
  whyItEnds(enough = ENOUGH): string | undefined {
    const lines = this.#text().split('\n')
    const ends = lines.filter(line => line.includes('ended; starting it again')).length
    if (ends < enough) return undefined
    // Ours, or containerd's.
    const last = lines.findLast(line => /^(error|containerd): /.test(line))
    return last?.replace(/^\w+: /, '') ?? 'it ends without a word'
  }

  #text(): string {
    const length = sizeOf(this.#path) - this.#from
    if (length <= 0) return ''
    const file = openSync(this.#path, 'r')
    try {
      const bytes = Buffer.alloc(length)
      return bytes.toString('utf8', 0, readSync(file, bytes, 0, length, this.#from))
    } finally {
      closeSync(file)
    }
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
