import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { silentLogger } from '@canopus/base'
import type { Cri } from '@canopus/cri'
import { systemClock } from '@canopus/platform'
import { buildContainer, buildRuntime } from '../testing/builders.ts'
import { parseLogLine } from './line.ts'
import { type LogOptions, readLog } from './read-log.ts'
import { rotateLogs } from './rotate.ts'
import { tailLog } from './tail.ts'

const base = mkdtempSync(join(tmpdir(), 'logs-'))
after(() => rmSync(base, { recursive: true }))
let path = ''
let count = 0
beforeEach(() => {
  const directory = join(base, String(count++))
  mkdirSync(directory)
  path = join(directory, '0.log')
})

const time = (second: number): string => `2026-01-01T00:00:0${second}.123456789Z`
const line = (second: number, text: string, stream = 'stdout', tag = 'F'): string =>
  `${time(second)} ${stream} ${tag} ${text}\n`
const WHOLE = line(1, 'one') + line(2, 'two', 'stderr') + line(3, 'thr', 'stdout', 'P') + line(3, 'ee') + line(4, '')

async function read(options: LogOptions, isRunning = () => false): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of readLog({ path, isRunning }, options, systemClock, new AbortController().signal))
    pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

const reads: [string, LogOptions, string][] = [
  ['everything, pieces of a line joined', {}, 'one\ntwo\nthree\n\n'],
  ['one stream', { stream: 'stderr' }, 'two\n'],
  ['the last lines', { tailLines: 2 }, 'ee\n\n'],
  ['more lines than there are', { tailLines: 99 }, 'one\ntwo\nthree\n\n'],
  ['no lines', { tailLines: 0 }, ''],
  ['since a time', { since: Date.parse(time(2)) }, 'two\nthree\n\n'],
  ['so many bytes', { limitBytes: 5 }, 'one\nt'],
  ['with times, once per line', { timestamps: true, since: Date.parse(time(3)) }, `${time(3)} three\n${time(4)} \n`],
]
for (const [name, options, expected] of reads)
  test(`a log: ${name}`, async () => {
    writeFileSync(path, WHOLE)
    assert.equal(await read(options), expected)
  })

test('a followed log goes on until the container ends, also after a rotation', async () => {
  writeFileSync(path, line(1, 'one'))
  let running = true
  const steps = [
    () => appendFileSync(path, line(2, 'two')),
    () => {
      renameSync(path, `${path}.old`)
      writeFileSync(path, line(3, 'three'))
    },
    () => {
      running = false
    },
  ]
  let text = ''
  for await (const piece of readLog(
    { path, isRunning: () => running },
    { follow: true },
    systemClock,
    new AbortController().signal,
  )) {
    text += piece
    steps.shift()?.()
  }
  assert.equal(text, 'one\ntwo\nthree\n')
})

test('lines in the runtime’s form', () => {
  const parsed = parseLogLine(Buffer.from(line(1, 'a b').trimEnd()))
  assert.deepEqual([parsed?.stream, parsed?.full, parsed?.text.toString()], ['stdout', true, 'a b'])
  assert.equal(parseLogLine(Buffer.from(`${time(1)} stderr P x`))?.full, false)
  assert.equal(parseLogLine(Buffer.from(`${time(1)} stdout F`))?.text.length, 0)
  for (const bad of ['', 'x', 'a b c d']) assert.equal(parseLogLine(Buffer.from(bad)), undefined)
})

test('the end of a log', async () => {
  writeFileSync(path, Array.from({ length: 200 }, (_, index) => line(1, `line ${index}`)).join(''))
  assert.equal(await tailLog(path, 2, 2048), 'line 198\nline 199\n')
  assert.equal(await tailLog(path, 80, 12), '98\nline 199\n')
  assert.equal(await tailLog(`${path}.none`, 80, 2048), '')
})

test('long logs are rotated, older ones packed, the oldest removed', async () => {
  const reopened: string[] = []
  const cri = {
    reopenContainerLog: async ({ containerId }: { containerId: string }) => {
      reopened.push(containerId)
      writeFileSync(path, '')
    },
  } as unknown as Cri
  const runtime = buildRuntime([
    buildContainer({ logPath: path }),
    buildContainer({ name: 'done', state: 'exited', logPath: path }),
  ])
  let now = Date.parse('2026-01-01T00:00:00Z')
  const clock = { ...systemClock, now: () => now }
  for (let turn = 0; turn < 6; turn++) {
    writeFileSync(path, 'x'.repeat(100))
    await rotateLogs(cri, clock, silentLogger, [runtime], { maxSize: 100, maxFiles: 4 })
    now += 1000
  }
  assert.equal(reopened.length, 6)
  assert.deepEqual(readdirSync(join(path, '..')).sort(), [
    '0.log',
    '0.log.20260101-000003.gz',
    '0.log.20260101-000004.gz',
    '0.log.20260101-000005',
  ])
  writeFileSync(path, 'x'.repeat(99))
  await rotateLogs(cri, clock, silentLogger, [runtime], { maxSize: 100 })
  assert.equal(reopened.length, 6)
})
