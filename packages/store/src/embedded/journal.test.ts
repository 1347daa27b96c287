import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { LogRecord } from '../mvcc/revision-log.ts'
import { systemDisk } from './disk.ts'
import { Journal, journalFrames } from './journal.ts'

function inDirectory(run: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-journal-'))
  try {
    run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Appends with revisions one after the other, from `first` on. */
function numbered(writes: readonly (readonly Omit<LogRecord, 'revision'>[])[], first = 1): LogRecord[][] {
  let revision = first
  return writes.map(records => records.map(record => ({ ...record, revision: revision++ })))
}

const value = fc.oneof(fc.constant(undefined), fc.uint8Array({ maxLength: 300 }))
const record = fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 40 }), value, expiresAt: fc.nat() })
const appends = fc.array(fc.array(record, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 })

function written(directory: string, frames: readonly LogRecord[][]): void {
  const journal = new Journal(directory, systemDisk)
  for (const frame of frames) journal.append(frame, toDisk)
  journal.close(false)
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const toDisk = systemDisk.writeNow!
const BLOCK = 4096

describe('journal', () => {
  test('what was appended is found', () =>
    fc.assert(
      fc.property(appends, writes =>
        inDirectory(directory => {
          const frames = numbered(writes)
          written(directory, frames)
          assert.deepEqual(journalFrames(directory), frames)
        }),
      ),
    ))

  test('cut off or damaged anywhere, the frames before that place are found and no other', () =>
    fc.assert(
      fc.property(appends, fc.nat(), fc.boolean(), (writes, place, cut) =>
        inDirectory(directory => {
          const frames = numbered(writes)
          written(directory, frames)
          const { starts, ends } = placesOf(join(directory, 'journal-0'))
          const at = place % ends.at(-1)!
          // Between two frames lie zeros, which nobody reads.
          const before = cut
            ? ends.filter(end => end <= at).length
            : starts.findLastIndex((start, frame) => start <= at && at < ends[frame]!)
          if (before < 0) return
          const path = join(directory, 'journal-0')
          if (cut) truncateSync(path, at)
          else {
            const bytes = readFileSync(path)
            bytes[at] = bytes[at]! ^ 0x55
            writeFileSync(path, bytes)
          }
          assert.deepEqual(journalFrames(directory), frames.slice(0, before))
        }),
      ),
      { numRuns: 60 },
    ))

  test('what is left of earlier frames in a file that began anew is not found', () =>
    fc.assert(
      fc.property(appends, appends, (early, late) =>
        inDirectory(directory => {
          const first = numbered(early)
          const second = numbered(late, 1 + first.flat().length)
          const journal = new Journal(directory, systemDisk)
          for (const frame of first) journal.append(frame, toDisk)
          journal.turn()
          journal.turn()
          for (const frame of second) journal.append(frame, toDisk)
          journal.close(false)
          assert.deepEqual(journalFrames(directory), second)
        }),
      ),
    ))

  test('takes what fits into a frame, and grows by as much', () =>
    inDirectory(directory => {
      const one = (value: Uint8Array): LogRecord[] => [{ revision: 1, key: '/a', value, expiresAt: 0 }]
      assert.ok(Journal.takes(one(new Uint8Array(262_106))))
      assert.ok(!Journal.takes(one(new Uint8Array(262_107))))
      written(directory, [one(new Uint8Array(262_106).fill(1)), [{ ...one(utf8('x'))[0]!, revision: 2 }]])
      assert.deepEqual(
        journalFrames(directory).map(([record]) => record!.value!.length),
        [262_106, 1],
      )
      assert.equal(statSync(join(directory, 'journal-0')).size, 262_144 + BLOCK)
    }))
})

/** Where a journal's frames begin and end. */
function placesOf(path: string): { starts: number[]; ends: number[] } {
  const bytes = readFileSync(path)
  const [starts, ends]: number[][] = [[], []]
  for (let at = 0; at + 12 <= bytes.length && bytes.readUInt32LE(at) !== 0; ) {
    const end = at + 12 + bytes.readUInt32LE(at + 4)
    starts!.push(at)
    ends!.push(end)
    at = Math.ceil(end / BLOCK) * BLOCK
  }
  return { starts: starts!, ends: ends! }
}
