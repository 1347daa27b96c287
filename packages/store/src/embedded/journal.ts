import { Buffer } from 'node:buffer'
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { LogRecord } from '../mvcc/revision-log.ts'
import { BLOCK, type Disk, openThrough } from './disk.ts'

const NAMES = ['journal-0', 'journal-1'] as const
/** The most bytes of a frame, and so much a file grows at a time: where it grows with every write, each waits for its size to be written too. */
const ROOM = 256 * 1024

/** First bytes of a frame ("cjn1"). */
const MAGIC = 0x636a6e31
const FRAME_HEAD = 12
const RECORD_HEAD = 24
/** The length of a value that a removal has not. */
const NO_VALUE = 0xffffffff

interface JournalFile {
  readonly file: number
  /** So far the file goes, frames or zeros or what is left of earlier frames. */
  size: number
}

/**
 * The writes that are on the disk and perhaps not yet in the database, in two files that take turns. One is written to from its
 * beginning, an append a frame, until its writes are in the database (`turn`); then the other one is, and the first begins anew when its turn
 * comes. What is left of earlier frames behind the last one is known by its revisions: they are not greater.
 *
 * A frame begins a block and takes whole ones. All numbers are little-endian:
 *
 *     magic (4)  length of what follows the checksum (4)  CRC-32 of it (4)
 *     for each record: revision (double)  expiresAt (double)  length of key (4)  length of value (4)  key  value
 */
export class Journal {
  readonly #disk: Disk
  readonly #files: readonly JournalFile[]
  /** In which frames are made. */
  readonly #memory: Buffer
  #current = 0
  #position = 0

  /**
   * Begins anew in the directory's two files, which are made where they are missing: nothing in them may be needed any more. Only one
   * process may do so at a time.
   */
  constructor(directory: string, disk: Disk) {
    this.#disk = disk
    const paths = NAMES.map(name => join(directory, name))
    for (const path of paths) if (!existsSync(path)) writeFileSync(path, '', { mode: 0o600 })
    // Their names have to outlive the power too.
    const entry = openSync(directory, 'r')
    fsyncSync(entry)
    closeSync(entry)
    const { files, memory } = openThrough(paths, ROOM)
    this.#memory = Buffer.from(memory.buffer, memory.byteOffset, memory.length)
    this.#files = files.map((file, at) => ({ file, size: wholeBlocks(statSync(paths[at]!).size) }))
  }

  /** Whether the records fit into a frame. */
  static takes(records: readonly LogRecord[]): boolean {
    return lengthOf(records) <= ROOM
  }

  /**
   * Writes a frame, which `write` does; it may answer a promise, before whose end there must be no other append. Answers what that answers.
   * Throws what the system says; then the next frame takes the place of this one.
   */
  append<T>(records: readonly LogRecord[], write: (file: number, bytes: Uint8Array, position: number) => T): T {
    const length = frameInto(this.#memory, records)
    const frame = this.#memory.subarray(0, blocks(length))
    frame.fill(0, length)
    const current = this.#files[this.#current]!
    if (this.#position + frame.length > current.size) this.#extend(current, frame)
    const written = write(current.file, frame, this.#position)
    this.#position += frame.length
    return written
  }

  /** Bytes that were written since the file began anew. */
  get length(): number {
    return this.#position
  }

  /** From now on the other file is written to, from its beginning: nothing in it may be needed any more. */
  turn(): void {
    this.#current = 1 - this.#current
    this.#position = 0
  }

  /** `empty` where nothing in it is needed any more: a database that is put in place of this one is then not continued by it. */
  close(empty: boolean): void {
    for (const { file } of this.#files) {
      if (empty) ftruncateSync(file)
      closeSync(file)
    }
  }

  #extend(of: JournalFile, frame: Buffer): void {
    // Zeros can be written from the same memory alone.
    const kept = Buffer.from(frame)
    this.#memory.fill(0)
    try {
      this.#disk.extend(of.file, this.#memory, of.size)
      of.size += this.#memory.length
    } catch (error) {
      ftruncateSync(of.file, of.size)
      throw error
    } finally {
      frame.set(kept)
    }
  }
}

/** All whole frames of a directory's journal, oldest first: what a frame holds goes together. They may be older than the database. */
export function journalFrames(directory: string): LogRecord[][] {
  return NAMES.map(name => join(directory, name))
    .filter(path => existsSync(path))
    .flatMap(path => framesOf(readFileSync(path)))
    .sort((a, b) => a[0]!.revision - b[0]!.revision)
}

const blocks = (length: number): number => Math.ceil(length / BLOCK) * BLOCK
const wholeBlocks = (length: number): number => Math.floor(length / BLOCK) * BLOCK

function lengthOf(records: readonly LogRecord[]): number {
  let length = FRAME_HEAD
  for (const { key, value } of records) length += RECORD_HEAD + Buffer.byteLength(key) + (value?.length ?? 0)
  return length
}

/** Writes a frame to the beginning of `memory`, and answers its length. */
function frameInto(memory: Buffer, records: readonly LogRecord[]): number {
  let at = FRAME_HEAD
  for (const { revision, expiresAt, key, value } of records) {
    memory.writeDoubleLE(revision, at)
    memory.writeDoubleLE(expiresAt, at + 8)
    const keyLength = memory.write(key, at + RECORD_HEAD)
    memory.writeUInt32LE(keyLength, at + 16)
    memory.writeUInt32LE(value?.length ?? NO_VALUE, at + 20)
    at += RECORD_HEAD + keyLength
    if (!value) continue
    memory.set(value, at)
    at += value.length
  }
  memory.writeUInt32LE(MAGIC, 0)
  memory.writeUInt32LE(at - FRAME_HEAD, 4)
  memory.writeUInt32LE(crc32(memory.subarray(FRAME_HEAD, at)), 8)
  return at
}

/** The frames at the beginning of a file, up to the first that is not whole or not newer than the one before. */
function framesOf(bytes: Buffer): LogRecord[][] {
  const frames: LogRecord[][] = []
  let newest = 0
  for (let at = 0; at + FRAME_HEAD <= bytes.length; ) {
    if (bytes.readUInt32LE(at) !== MAGIC) break
    const body = bytes.subarray(at + FRAME_HEAD, at + FRAME_HEAD + bytes.readUInt32LE(at + 4))
    if (body.length < bytes.readUInt32LE(at + 4) || crc32(body) !== bytes.readUInt32LE(at + 8)) break
    const records = recordsOf(body)
    if (records.length === 0 || records[0]!.revision <= newest) break
    newest = records.at(-1)!.revision
    frames.push(records)
    at += blocks(FRAME_HEAD + body.length)
  }
  return frames
}

function recordsOf(body: Buffer): LogRecord[] {
  const records: LogRecord[] = []
  for (let at = 0; at < body.length; ) {
    const [revision, expiresAt] = [body.readDoubleLE(at), body.readDoubleLE(at + 8)]
    const [keyLength, valueLength] = [body.readUInt32LE(at + 16), body.readUInt32LE(at + 20)]
    const end = at + RECORD_HEAD + keyLength
    const key = body.toString('utf8', at + RECORD_HEAD, end)
    const value = valueLength === NO_VALUE ? undefined : new Uint8Array(body.subarray(end, end + valueLength))
    records.push({ revision, key, value, expiresAt })
    at = end + (value?.length ?? 0)
  }
  return records
}
