/**
 * A log file that is put aside when it is full, as the names, ages and numbers of upstream's library have it
 * (gopkg.in/natefinch/lumberjack.v2).
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Clock, Logger } from '@canopus/base'
import type { LineSink } from './log-backend.ts'

export interface RotatingFileOptions {
  readonly path: string
  /** Bytes after which the file is put aside; 0 for never. */
  readonly maxBytes: number
  /** Old files that are kept; 0 for all. */
  readonly maxBackups: number
  /** Days for which old files are kept; 0 for ever. */
  readonly maxAgeDays: number
  readonly compress?: boolean
  readonly clock: Clock
  readonly logger: Logger
}

interface Write {
  readonly bytes: Buffer
  done(): void
  failed(error: unknown): void
}

const DAY = 24 * 60 * 60 * 1000

/** Opens or continues the file; its directories are made. Rejects where that cannot be done. */
export async function openRotatingFile(options: RotatingFileOptions): Promise<LineSink> {
  await mkdir(dirname(options.path), { recursive: true, mode: 0o700 })
  const file = new RotatingFile(options)
  await file.open()
  return file
}

class RotatingFile implements LineSink {
  readonly #options: RotatingFileOptions
  #handle: FileHandle | undefined
  #size = 0
  #waiting: Write[] = []
  #running: Promise<void> | undefined

  constructor(options: RotatingFileOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    this.#handle = await open(this.#options.path, 'a', 0o600)
    this.#size = (await this.#handle.stat()).size
  }

  /** What is written while a write is under way goes out with the next one. */
  write(lines: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes: Buffer.from(lines), done: resolve, failed: reject })
      this.#running ??= this.run().finally(() => {
        this.#running = undefined
      })
    })
  }

  async close(): Promise<void> {
    await this.#running
    await this.#handle?.close()
    this.#handle = undefined
  }

  private async run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.isFullFor(this.#waiting[0]!)) await this.rotate()
      const taken = this.take()
      try {
        if (this.#handle === undefined) await this.open()
        await this.#handle!.appendFile(Buffer.concat(taken.map(({ bytes }) => bytes)))
        this.#size += lengthOf(taken)
        for (const { done } of taken) done()
      } catch (error) {
        for (const { failed } of taken) failed(error)
      }
    }
  }

  /** As many as fit into the file, at least one. */
  private take(): Write[] {
    let size = this.#size
    const end = this.#waiting.findIndex(({ bytes }, index) => {
      size += bytes.byteLength
      return index > 0 && this.#options.maxBytes > 0 && size > this.#options.maxBytes
    })
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
  }

  private isFullFor({ bytes }: Write): boolean {
    const { maxBytes } = this.#options
    return maxBytes > 0 && this.#size > 0 && this.#size + bytes.byteLength > maxBytes
  }

  private async rotate(): Promise<void> {
    const { path, clock, logger } = this.#options
    try {
      await this.#handle?.close()
      this.#handle = undefined
      await rename(path, backupName(path, clock.now()))
      await this.open()
      await this.tidy()
    } catch (error) {
      logger.error('the audit log cannot be put aside', { path, error })
    }
  }

  /** Removes old files that are too many or too old, and compresses the others. */
  private async tidy(): Promise<void> {
    const { path, maxBackups, maxAgeDays, compress, clock } = this.#options
    const backups = await backupsOf(path)
    for (const [index, { name, time }] of backups.entries()) {
      const tooMany = maxBackups > 0 && index >= maxBackups
      const tooOld = maxAgeDays > 0 && time < clock.now() - maxAgeDays * DAY
      if (tooMany || tooOld) await rm(name, { force: true })
      else if (compress && !name.endsWith('.gz')) await compressFile(name)
    }
  }
}

const lengthOf = (writes: readonly Write[]): number => writes.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)

/** `audit-2026-01-02T03-04-05.678.log` beside `audit.log`. */
function backupName(path: string, now: number): string {
  const ext = extname(path)
  const time = new Date(now).toISOString().replaceAll(':', '-').replace('Z', '')
  return join(dirname(path), `${basename(path, ext)}-${time}${ext}`)
}

/** The newest first. */
async function backupsOf(path: string): Promise<{ name: string; time: number }[]> {
  const ext = extname(path)
  const prefix = `${basename(path, ext)}-`
  const found: { name: string; time: number }[] = []
  for (const entry of await readdir(dirname(path))) {
    const name = entry.endsWith('.gz') ? entry.slice(0, -3) : entry
    if (!name.startsWith(prefix) || !name.endsWith(ext)) continue
    const match = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(
      name.slice(prefix.length, name.length - ext.length),
    )
    if (match)
      found.push({ name: join(dirname(path), entry), time: Date.parse(`${match[1]}:${match[2]}:${match[3]}Z`) })
  }
  return found.sort((one, other) => other.time - one.time)
}

async function compressFile(name: string): Promise<void> {
  const { mode } = await stat(name)
  await pipeline(createReadStream(name), createGzip(), createWriteStream(`${name}.gz`, { mode }))
  await rm(name)
}
