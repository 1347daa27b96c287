import { watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Clock, sleep } from '@canopus/base'
import { isMissing } from '@canopus/platform'
import { parseLogLine } from './line.ts'

export interface LogOptions {
  follow?: boolean
  /** Only so many lines at the end. */
  tailLines?: number
  /** Only lines from this time on, in milliseconds since the epoch. */
  since?: number
  timestamps?: boolean
  limitBytes?: number
  stream?: 'stdout' | 'stderr'
}

export interface LogSource {
  path: string
  /** Whether more may come. */
  isRunning(): boolean
}

const BLOCK = 64 * 1024
const NEWLINE = 0x0a
/** Whether the container still runs is asked this often while nothing is written. */
const LOOK_EVERY = 500

/** A container's log as users see it, in pieces. Ends at its end, or with the container where it is followed. */
export async function* readLog(
  source: LogSource,
  options: LogOptions,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const writer = new LogWriter(options)
  for await (const lines of readLines(source, options, clock, signal)) {
    const text = writer.write(lines)
    if (text.length > 0) yield text
    if (writer.full) return
  }
}

/** Turns runtime lines into what is shown: filtered, with times where asked for, up to the limit. */
class LogWriter {
  readonly #options: LogOptions
  #left: number
  #lineStart = true

  constructor(options: LogOptions) {
    this.#options = options
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY
  }

  get full(): boolean {
    return this.#left <= 0
  }

  write(lines: readonly Buffer[]): Buffer {
    const { since, stream, timestamps } = this.#options
    const pieces: Buffer[] = []
    for (const raw of lines) {
      const line = parseLogLine(raw)
      if (line === undefined || (stream !== undefined && line.stream !== stream)) continue
      if (since !== undefined && Date.parse(line.time) < since) continue
      if (timestamps && this.#lineStart) pieces.push(Buffer.from(`${line.time} `))
      pieces.push(line.text)
      if (line.full) pieces.push(Buffer.from('\n'))
      this.#lineStart = line.full
    }
    const text = Buffer.concat(pieces)
    const taken = text.length > this.#left ? text.subarray(0, this.#left) : text
    this.#left -= taken.length
    return taken
  }
}

async function* readLines(
  source: LogSource,
  options: LogOptions,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Buffer[]> {
  let file = await open(source.path)
  const changes = options.follow ? new Changes(dirname(source.path), clock, signal) : undefined
  try {
    let position = options.tailLines === undefined ? 0 : await tailOffset(file, options.tailLines)
    let rest = Buffer.alloc(0)
    for (;;) {
      const running = source.isRunning() // asked before the read: what is written after it is read next time
      const { lines, remainder, read } = await readBlock(file, position, rest)
      position += read
      rest = remainder
      if (lines.length > 0) yield lines
      if (read > 0) continue
      const next = await rotated(file, source.path)
      if (next) {
        await file.close()
        file = next
        position = 0
        continue
      }
      if (changes === undefined || !running || signal.aborted) return
      await changes.next()
    }
  } finally {
    changes?.close()
    await file.close()
  }
}

async function readBlock(file: FileHandle, position: number, rest: Buffer) {
  const buffer = Buffer.allocUnsafe(BLOCK)
  const { bytesRead } = await file.read(buffer, 0, BLOCK, position)
  const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
  const lines: Buffer[] = []
  let start = 0
  for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, start)) {
    lines.push(data.subarray(start, end))
    start = end + 1
  }
  return { lines, remainder: data.subarray(start), read: bytesRead }
}

/** The new file where the log was rotated away below us. */
async function rotated(file: FileHandle, path: string): Promise<FileHandle | undefined> {
  try {
    const [mine, present] = await Promise.all([file.stat(), stat(path)])
    return mine.ino === present.ino ? undefined : await open(path)
  } catch (error) {
    if (isMissing(error)) return undefined // between renaming and reopening
    throw error
  }
}

/** Where the last `count` lines begin. */
async function tailOffset(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat()
  const buffer = Buffer.allocUnsafe(BLOCK)
  let left = count
  let end = size
  while (end > 0) {
    const start = Math.max(0, end - BLOCK)
    const { bytesRead } = await file.read(buffer, 0, end - start, start)
    for (let index = bytesRead - 1; index >= 0; index--) {
      if (buffer[index] !== NEWLINE || start + index === size - 1) continue
      if (--left <= 0) return count === 0 ? size : start + index + 1
    }
    end = start
  }
  return count === 0 ? size : 0
}

/** Waits for something to happen in a directory, but not for long. */
class Changes {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #watcher: ReturnType<typeof watch>
  #happened = false
  #wake: (() => void) | undefined

  constructor(directory: string, clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    this.#watcher = watch(directory, () => {
      this.#happened = true
      this.#wake?.()
    })
    this.#watcher.on('error', () => {}) // the look every half second remains
  }

  async next(): Promise<void> {
    if (!this.#happened) {
      const timer = new AbortController()
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      const either = AbortSignal.any([timer.signal, this.#signal])
      await Promise.race([woken, sleep(this.#clock, LOOK_EVERY, either).catch(() => {})])
      timer.abort()
      this.#wake = undefined
    }
    this.#happened = false
  }

  close(): void {
    this.#watcher.close()
  }
}
