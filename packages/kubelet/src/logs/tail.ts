import { open } from 'node:fs/promises'
import { isMissing } from '@canopus/platform'
import { parseLogLine } from './line.ts'

const NEWLINE = 0x0a
/** What the runtime puts before a line's text: time, stream, tag. */
const MAX_PREFIX_BYTES = 64

/** The text of a log's last lines, at most `maxLines` and `maxBytes` of it. Empty where there is no log. */
export async function tailLog(path: string, maxLines: number, maxBytes: number): Promise<string> {
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      const length = Math.min(size, maxBytes + maxLines * MAX_PREFIX_BYTES)
      const buffer = Buffer.alloc(length)
      await file.read(buffer, 0, length, size - length)
      return lastLines(buffer, length < size, maxLines, maxBytes)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return ''
    throw error
  }
}

function lastLines(buffer: Buffer, cut: boolean, maxLines: number, maxBytes: number): string {
  const pieces: Buffer[] = []
  let start = cut ? buffer.indexOf(NEWLINE) + 1 : 0
  while (start < buffer.length) {
    const end = buffer.indexOf(NEWLINE, start)
    const line = parseLogLine(buffer.subarray(start, end < 0 ? buffer.length : end))
    if (line) pieces.push(line.full ? Buffer.concat([line.text, Buffer.from('\n')]) : line.text)
    if (end < 0) break
    start = end + 1
  }
  const text = Buffer.concat(pieces.slice(-maxLines))
  return text.subarray(Math.max(0, text.length - maxBytes)).toString()
}
