import { Buffer } from 'node:buffer'
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { LogRecord } from '../mvcc/revision-log.ts'
import type { Disk } from './disk.ts'

const NAMES = ['journal-0', 'journal-1'] as const
/** A file that grows with every write makes each wait for the disk a third longer: it writes the file's size as well. */
const ROOM = new Uint8Array(256 * 1024)
/** A file that one moment has made larger than this gives the rest back when it begins anew. */
const KEPT = 8 * 1024 * 1024

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
 * A frame, all numbers little-endian:
 *
 *     magic (4)  length of what follows the checksum (4)  CRC-32 of it (4)
 *     for each record: revision (double)  expiresAt (double)  length of key (4)  length of value (4)  key  value
 */
export class Journal {
  readonly #disk: Disk
  readonly #files: readonly JournalFile[]
  #current = 0
  #position = 0

  /** Opens or makes both files. Only one process may do so at a time. */
  constructor(directory: string, disk: Disk) {
    this.#disk = disk
    this.#files = NAMES.map(name => {
      const file = openSync(join(directory, name), constants.O_RDWR | constants.O_CREAT, 0o600)
      return { file, size: fstatSync(file).size }
    })
    // Their names have to outlive the power too.
    const entry = openSync(directory, 'r')
    fsyncSync(entry)
    closeSync(entry)
  }

  /** The open file that `append` writes to. */
  get file(): number {
    return this.#files[this.#current]!.file
  }

  /** All whole frames, oldest first: what a frame holds goes together. Frames of both files may be older than the database. */
  frames(): LogRecord[][] {
    return this.#files
      .flatMap(({ file }) => framesOf(readFileSync(file)))
      .sort((a, b) => a[0]!.revision - b[0]!.revision)
  }

  /** Writes a frame and does not wait for the disk. Throws what the system says; then the next frame takes the place of this one. */
  append(records: readonly LogRecord[]): void {
    const frame = frameOf(records)
    const current = this.#files[this.#current]!
    const end = this.#position + frame.length
    try {
      if (end > current.size) this.#layOut(current, end)
      this.#disk.write(current.file, frame, this.#position)
    } catch (error) {
      ftruncateSync(current.file, this.#position)
      current.size = this.#position
      throw error
    }
    current.size = Math.max(current.size, end)
    this.#position = end
  }

  /** From now on the other file is written to, from its beginning: nothing in it may be needed any more. */
  turn(): void {
    this.#current = 1 - this.#current
    this.#position = 0
    const next = this.#files[this.#current]!
    if (next.size <= KEPT) return
    ftruncateSync(next.file, KEPT)
    next.size = KEPT
  }

  /** `empty` where nothing in it is needed any more: a database that is put in place of this one is then not continued by it. */
  close(empty: boolean): void {
    for (const { file } of this.#files) {
      if (empty) ftruncateSync(file)
      closeSync(file)
    }
  }

  #layOut(of: JournalFile, end: number): void {
    const { size } = of
    try {
      for (; of.size < end; of.size += ROOM.length) this.#disk.write(of.file, ROOM, of.size)
    } catch {
      // The disk is full, or nearly so: whether the frame itself has room its own write tells.
      of.size = size
    }
  }
}

function frameOf(records: readonly LogRecord[]): Buffer {
  let length = FRAME_HEAD
  for (const { key, value } of records) length += RECORD_HEAD + Buffer.byteLength(key) + (value?.length ?? 0)
  const frame = Buffer.allocUnsafe(length)
  let at = FRAME_HEAD
  for (const { revision, expiresAt, key, value } of records) {
    frame.writeDoubleLE(revision, at)
    frame.writeDoubleLE(expiresAt, at + 8)
    const keyLength = frame.write(key, at + RECORD_HEAD)
    frame.writeUInt32LE(keyLength, at + 16)
    frame.writeUInt32LE(value?.length ?? NO_VALUE, at + 20)
    at += RECORD_HEAD + keyLength
    if (!value) continue
    frame.set(value, at)
    at += value.length
  }
  frame.writeUInt32LE(MAGIC, 0)
  frame.writeUInt32LE(length - FRAME_HEAD, 4)
  frame.writeUInt32LE(crc32(frame.subarray(FRAME_HEAD)), 8)
  return frame
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
    at += FRAME_HEAD + body.length
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
