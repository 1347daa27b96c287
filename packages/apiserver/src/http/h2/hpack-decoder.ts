/** Reads header blocks of requests (HPACK, RFC 7541). */
import { CODE, ConnectionError } from './frames.ts'
import { ENTRY_BYTES, type Field, field, STATIC, TABLE_BYTES, withValue } from './hpack-table.ts'
import { decodeHuffman } from './huffman.ts'

export interface HeaderBlock {
  /** Names and values in turn, in the order in which they came; without the rest where there were too many. */
  readonly list: readonly string[]
  /** They were longer than allowed, counted as RFC 9113 does (section 6.5.2). */
  readonly tooLong: boolean
  readonly wellFormed: boolean
}

const LARGEST = 2 ** 28

const broken = (): ConnectionError => new ConnectionError(CODE.compression, 'a header block cannot be read')

/** The state that header blocks of one connection share. */
export class HpackDecoder {
  readonly #limit: number
  /** The newest one last. */
  readonly #table: Field[] = []
  #size = 0
  #most = TABLE_BYTES
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0

  /** Headers of one request may have so many bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Throws ConnectionError where it cannot be read: then nothing that follows could be. */
  decode(block: Buffer): HeaderBlock {
    this.#bytes = block
    this.#at = 0
    const list: string[] = []
    let size = 0
    let wellFormed = true
    while (this.#at < block.length) {
      const first = block[this.#at]!
      if ((first & 0xe0) === 0x20) {
        if (list.length > 0) throw broken()
        this.resize(this.integer(5))
        continue
      }
      const next = first & 0x80 ? this.entry(this.integer(7)) : this.literal(first)
      size += next.name.length + next.value.length + ENTRY_BYTES
      if (size > this.#limit) continue
      wellFormed &&= next.wellFormed
      list.push(next.name, next.value)
    }
    return { list, tooLong: size > this.#limit, wellFormed }
  }

  private literal(first: number): Field {
    const kept = (first & 0x40) !== 0
    const index = this.integer(kept ? 6 : 4)
    const result = index === 0 ? field(this.text(), this.text()) : withValue(this.entry(index), this.text())
    if (kept) this.keep(result)
    return result
  }

  private entry(index: number): Field {
    const table = this.#table
    const found = index < STATIC.length ? STATIC[index] : table[table.length - 1 - (index - STATIC.length)]
    if (found === undefined) throw broken()
    return found
  }

  private keep(entry: Field): void {
    this.#table.push(entry)
    this.#size += entry.name.length + entry.value.length + ENTRY_BYTES
    this.evict()
  }

  private resize(most: number): void {
    if (most > TABLE_BYTES) throw broken()
    this.#most = most
    this.evict()
  }

  private evict(): void {
    let gone = 0
    for (; this.#size > this.#most; gone++) {
      const { name, value } = this.#table[gone]!
      this.#size -= name.length + value.length + ENTRY_BYTES
    }
    if (gone > 0) this.#table.splice(0, gone)
  }

  private text(): string {
    const huffman = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0
    const length = this.integer(7)
    const from = this.#at
    const to = from + length
    if (to > this.#bytes.length) throw broken()
    this.#at = to
    if (!huffman) return this.#bytes.toString('latin1', from, to)
    const text = decodeHuffman(this.#bytes, from, to)
    if (text === undefined) throw broken()
    return text
  }

  /** An integer whose first byte has so many bits of it. */
  private integer(bits: number): number {
    const bytes = this.#bytes
    if (this.#at >= bytes.length) throw broken()
    const most = (1 << bits) - 1
    let value = bytes[this.#at++]! & most
    if (value < most) return value
    for (let weight = 1; ; weight *= 128) {
      const next = bytes[this.#at++]
      if (next === undefined || weight > LARGEST) throw broken()
      value += (next & 0x7f) * weight
      if (next < 128) return value
    }
  }
}
