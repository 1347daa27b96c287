/**
 * What leaves on one connection. All that is said in one turn goes out as one write, so that it costs one call of TLS and one of
 * the system: a write for each answer took most of what a request over HTTP/2 cost.
 */
import type { Writable } from 'node:stream'

/** So many bytes may wait for the socket before bodies have to wait in their streams. */
const MOST_UNDER_WAY = 256 * 1024
const SLAB_BYTES = 256 * 1024
const MOST_SPARE = 32

/** Bytes that are written are copied here first. Used again once all that is in it has left. */
interface Slab {
  readonly bytes: Buffer
  used: number
  underWay: number
}

const spare: Slab[] = []
let current: Slab = { bytes: Buffer.allocUnsafeSlow(SLAB_BYTES), used: 0, underWay: 0 }

function slabWith(room: number): Slab {
  if (current.used + room <= current.bytes.length) return current
  const full = current
  current = spare.pop() ?? { bytes: Buffer.allocUnsafeSlow(SLAB_BYTES), used: 0, underWay: 0 }
  if (full.underWay === 0) recycle(full)
  return current
}

function recycle(slab: Slab): void {
  slab.used = 0
  if (spare.length < MOST_SPARE) spare.push(slab)
}

function written(slab: Slab): void {
  if (--slab.underWay > 0) return
  if (slab === current) slab.used = 0
  else recycle(slab)
}

/** Connections with something to write in this turn. */
let waiting: Output[] = []

function flushAll(): void {
  const outputs = waiting
  waiting = []
  for (const output of outputs) output.flush()
}

export class Output {
  readonly #socket: Writable
  readonly #drained: () => void
  #parts: Uint8Array[] = []
  #bytes = 0
  #underWay = 0
  #copied: (() => void)[] = []

  /** `drained` is called when the socket takes more again. */
  constructor(socket: Writable, drained: () => void) {
    this.#socket = socket
    this.#drained = drained
  }

  get full(): boolean {
    return this.#bytes + this.#underWay >= MOST_UNDER_WAY
  }

  /** Adds bytes that stay as they are until `copied` is called. */
  add(part: Uint8Array, copied?: () => void): void {
    if (this.#parts.push(part) === 1) this.schedule()
    this.#bytes += part.byteLength
    if (copied !== undefined) this.#copied.push(copied)
  }

  /** Everything has left, or is on its way. */
  get empty(): boolean {
    return this.#parts.length === 0
  }

  flush(): void {
    const parts = this.#parts
    if (parts.length === 0) return
    const copied = this.#copied
    if (this.#socket.writable) this.write(parts, this.#bytes)
    this.#parts = []
    this.#bytes = 0
    if (copied.length === 0) return
    this.#copied = []
    for (const each of copied) each()
  }

  private write(parts: readonly Uint8Array[], size: number): void {
    const own = size > SLAB_BYTES
    const slab = own ? { bytes: Buffer.allocUnsafeSlow(size), used: 0, underWay: 0 } : slabWith(size)
    const start = slab.used
    let at = start
    for (const part of parts) {
      slab.bytes.set(part, at)
      at += part.byteLength
    }
    slab.used = at
    slab.underWay++
    this.#underWay += size
    this.#socket.write(slab.bytes.subarray(start, at), error => {
      // After an error the bytes may still be on their way: the slab is left to the collector.
      if (error) return
      if (!own) written(slab)
      const blocked = this.full
      this.#underWay -= size
      if (blocked && !this.full) this.#drained()
    })
  }

  private schedule(): void {
    // Behind the promises that are settled in this turn: the answers of all requests that came together leave together.
    if (waiting.push(this) === 1) process.nextTick(flushAll)
  }
}
