/**
 * Writes header blocks of answers (HPACK, RFC 7541). What many answers of a connection say alike goes into the reader's table
 * and is one byte from then on. Nothing is ever taken out of that table: what finds no room is written out each time.
 */
import { ENTRY_BYTES, STATIC, STATIC_NAMES, TABLE_BYTES } from './hpack-table.ts'

/** Headers with few different values. */
const ALIKE = new Set([
  'cache-control',
  'content-encoding',
  'content-type',
  'vary',
  'x-content-type-options',
  'x-kubernetes-pf-flowschema-uid',
  'x-kubernetes-pf-prioritylevel-uid',
])

/** `:status` of the static table by its value. */
const STATUS = new Map(STATIC.flatMap((entry, index) => (entry?.name === ':status' ? [[entry.value, index]] : [])))
const STATUS_NAME = STATIC_NAMES.get(':status')!

/** How a literal that goes into no table begins, by its name; not for ever more names that others make up. */
const beginnings = new Map<string, Buffer>()
const MOST_BEGINNINGS = 500

let scratch = Buffer.allocUnsafeSlow(16 * 1024)
let used = 0

export class HpackEncoder {
  /** By name and value: how many entries were made before. */
  readonly #entries = new Map<string, Map<string, number>>()
  #count = 0
  #size = 0
  #most = TABLE_BYTES
  #emptied = false

  /** How much the reader's table may hold. Where that is less than it holds already it is emptied and left alone. */
  limit(bytes: number): void {
    if (bytes >= this.#most) return
    this.#emptied = true
    this.#most = 0
    this.#entries.clear()
  }

  /** The block of an answer, in bytes that are overwritten by the next one. */
  encode(status: string, list: readonly string[]): Buffer {
    used = 0
    if (this.#emptied) {
      this.#emptied = false
      reserve(1)
      scratch[used++] = 0x20
    }
    this.status(status)
    for (let index = 0; index < list.length; index += 2) this.field(list[index]!, list[index + 1]!)
    return scratch.subarray(0, used)
  }

  private status(status: string): void {
    const index = STATUS.get(status)
    reserve(8)
    if (index !== undefined) {
      scratch[used++] = 0x80 | index
      return
    }
    integer(0, 4, STATUS_NAME)
    text(status)
  }

  private field(name: string, value: string): void {
    if (ALIKE.has(name)) {
      const entry = this.#entries.get(name)?.get(value)
      if (entry !== undefined) {
        reserve(4)
        integer(0x80, 7, STATIC.length + this.#count - 1 - entry)
        return
      }
      const size = name.length + value.length + ENTRY_BYTES
      if (this.#size + size <= this.#most) {
        this.keep(name, value, size)
        return
      }
    }
    const beginning = beginningOf(name)
    reserve(beginning.length)
    scratch.set(beginning, used)
    used += beginning.length
    text(value)
  }

  private keep(name: string, value: string, size: number): void {
    const values = this.#entries.get(name) ?? new Map<string, number>()
    this.#entries.set(name, values)
    values.set(value, this.#count++)
    this.#size += size
    const index = STATIC_NAMES.get(name)
    reserve(4)
    integer(0x40, 6, index ?? 0)
    if (index === undefined) text(name)
    text(value)
  }
}

function beginningOf(name: string): Buffer {
  const found = beginnings.get(name)
  if (found !== undefined) return found
  const start = used
  reserve(4)
  const index = STATIC_NAMES.get(name.toLowerCase())
  integer(0, 4, index ?? 0)
  if (index === undefined) text(name.toLowerCase())
  const made = Buffer.from(scratch.subarray(start, used))
  used = start
  if (beginnings.size < MOST_BEGINNINGS) beginnings.set(name, made)
  return made
}

function text(value: string): void {
  reserve(value.length + 8)
  integer(0, 7, value.length)
  used += scratch.write(value, used, 'latin1')
}

function integer(mark: number, bits: number, value: number): void {
  const most = (1 << bits) - 1
  if (value < most) {
    scratch[used++] = mark | value
    return
  }
  scratch[used++] = mark | most
  let rest = value - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) scratch[used++] = (rest % 128) | 128
  scratch[used++] = rest
}

function reserve(bytes: number): void {
  if (used + bytes <= scratch.length) return
  const bigger = Buffer.allocUnsafeSlow((used + bytes) * 2)
  scratch.copy(bigger, 0, 0, used)
  scratch = bigger
}
