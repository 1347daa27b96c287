import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { LogRecord } from '../mvcc/revision-log.ts'
import { systemDisk } from './disk.ts'
import { Journal } from './journal.ts'

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
  for (const frame of frames) journal.append(frame)
  journal.close(false)
}

function found(directory: string): LogRecord[][] {
  const journal = new Journal(directory, systemDisk)
  const frames = journal.frames()
  journal.close(false)
  return frames
}

describe('journal', () => {
  test('what was appended is found', () =>
    fc.assert(
      fc.property(appends, writes =>
        inDirectory(directory => {
          const frames = numbered(writes)
          written(directory, frames)
          assert.deepEqual(found(directory), frames)
        }),
      ),
    ))

  test('cut off or damaged anywhere, the frames before that place are found and no other', () =>
    fc.assert(
      fc.property(appends, fc.nat(), fc.boolean(), (writes, place, cut) =>
        inDirectory(directory => {
          const frames = numbered(writes)
          const ends = frames.map((_, at) => {
            written(directory, frames.slice(0, at + 1))
            return whole(join(directory, 'journal-0'))
          })
          const at = place % ends.at(-1)!
          const path = join(directory, 'journal-0')
          if (cut) truncateSync(path, at)
          else {
            const bytes = readFileSync(path)
            bytes[at] = bytes[at]! ^ 0x55
            writeFileSync(path, bytes)
          }
          const before = ends.filter(end => end <= at).length
          assert.deepEqual(found(directory), frames.slice(0, before))
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
          for (const frame of first) journal.append(frame)
          journal.turn()
          journal.turn()
          for (const frame of second) journal.append(frame)
          const frames = journal.frames()
          assert.deepEqual(frames, second)
          journal.close(false)
        }),
      ),
    ))

  test('a file that grew for a moment gives the room back when it begins anew', () =>
    inDirectory(directory => {
      const journal = new Journal(directory, systemDisk)
      journal.append([{ revision: 1, key: '/a', value: new Uint8Array(20_000_000), expiresAt: 0 }])
      journal.turn()
      journal.append([{ revision: 2, key: '/a', value: new Uint8Array(10), expiresAt: 0 }])
      journal.turn()
      assert.equal(statSync(join(directory, 'journal-0')).size, 8 * 1024 * 1024)
      journal.append([{ revision: 3, key: '/a', value: new Uint8Array(10), expiresAt: 0 }])
      journal.close(false)
      assert.deepEqual(
        found(directory).map(frame => frame[0]!.revision),
        [2, 3],
      )
    }))
})

/** So far a journal's frames go: the rest is zeros. */
function whole(path: string): number {
  const bytes = readFileSync(path)
  let at = 0
  while (at + 12 <= bytes.length && bytes.readUInt32LE(at) !== 0) at += 12 + bytes.readUInt32LE(at + 4)
  return at
}
