import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { SeededRandom, SimulatedClock } from '@canopus/base'
import { type ProjectedFile, writeAtomically } from './atomic-writer.ts'

const base = mkdtempSync(join(tmpdir(), 'atomic-'))
after(() => rmSync(base, { recursive: true }))
let root = ''
let count = 0
beforeEach(() => {
  root = join(base, String(count++))
})

const clock = new SimulatedClock({ start: Date.parse('2026-02-03T04:05:06Z') })
const random = new SeededRandom(1)
const file = (text: string, mode = 0o644): ProjectedFile => ({ content: Buffer.from(text), mode })
const write = (files: Record<string, ProjectedFile>, gid?: number) =>
  writeAtomically(root, new Map(Object.entries(files)), gid === undefined ? {} : { gid }, clock, random)
const visible = (): string[] =>
  readdirSync(root)
    .filter(name => !name.startsWith('..'))
    .sort()
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const modeOf = (path: string): number => statSync(join(root, path)).mode & 0o7777

test('files are seen through ..data, with their modes whatever the umask', () => {
  const before = process.umask(0o077)
  try {
    assert.equal(write({ 'a.txt': file('A'), 'deep/er/b.txt': file('B', 0o400) }), true)
  } finally {
    process.umask(before)
  }
  assert.deepEqual(visible(), ['a.txt', 'deep'])
  assert.equal(readlinkSync(join(root, 'a.txt')), '..data/a.txt')
  assert.match(readlinkSync(join(root, '..data')), /^\.\.2026_02_03_04_05_06\.000\.\d+$/)
  assert.deepEqual([read('a.txt'), read('deep/er/b.txt')], ['A', 'B'])
  assert.deepEqual([modeOf('a.txt'), modeOf('deep/er/b.txt'), modeOf('deep')], [0o644, 0o400, 0o755])
})

test('the same again changes nothing', () => {
  write({ a: file('A') })
  const before = readlinkSync(join(root, '..data'))
  assert.equal(write({ a: file('A') }), false)
  assert.equal(readlinkSync(join(root, '..data')), before)
})

test('content, modes, new files and removed files are changes; nothing old is left', () => {
  write({ a: file('A'), b: file('B'), 'dir/x': file('X') })
  assert.equal(write({ a: file('AA'), c: file('C', 0o600) }), true)
  assert.deepEqual(visible(), ['a', 'c'])
  assert.deepEqual([read('a'), read('c')], ['AA', 'C'])
  assert.equal(write({ a: file('AA', 0o600), c: file('C', 0o600) }), true)
  assert.equal(modeOf('a'), 0o600)
  assert.equal(readdirSync(root).filter(name => name.startsWith('..2')).length, 1)
  assert.equal(write({}), true)
  assert.deepEqual(visible(), [])
})

test('a directory that becomes a file', () => {
  write({ 'x/y': file('1') })
  write({ x: file('2') })
  assert.equal(read('x'), '2')
})

test('a group may read what is its own', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  write({ 'd/a': file('A', 0o400) }, 3000)
  assert.deepEqual([modeOf('d/a'), statSync(join(root, 'd/a')).gid], [0o440, 3000])
  assert.equal(modeOf('d'), 0o2755)
  assert.equal(write({ 'd/a': file('A', 0o400) }, 3000), false)
})
