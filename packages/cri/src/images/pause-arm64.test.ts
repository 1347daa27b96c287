import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauseProgramArm64 } from './pause-arm64.ts'

const file = pauseProgramArm64()
const BASE = 0x400000n
const entry = Number(file.readBigUInt64LE(24) - BASE)

test('an executable of arm64 whose one segment holds all of it', () => {
  assert.equal(file.toString('latin1', 0, 7), '\x7fELF\x02\x01\x01')
  assert.deepEqual([file.readUInt16LE(16), file.readUInt16LE(18)], [2, 183])
  const [headers, size, count] = [file.readBigUInt64LE(32), file.readUInt16LE(54), file.readUInt16LE(56)]
  assert.deepEqual([headers, size, count], [64n, 56, 2])
  assert.deepEqual([file.readUInt32LE(64), file.readUInt32LE(68)], [1, 5], 'loaded, to be read and executed')
  assert.deepEqual([file.readBigUInt64LE(72), file.readBigUInt64LE(80)], [0n, BASE])
  assert.equal(file.readBigUInt64LE(96), BigInt(file.length))
  assert.ok(entry >= 64 + 2 * 56 && entry < file.length)
})

/** Follows the program from `at` up to `calls` system calls: what is in x8 and x0 at each, and x9 as it was last stored. */
function follow(at: number, calls: number): { number: number; argument: number; handler: number }[] {
  const registers = new Map<number, number>()
  const seen: { number: number; argument: number; handler: number }[] = []
  let handler = 0
  for (let place = at; seen.length < calls; place += 4) {
    const word = file.readUInt32LE(place)
    const register = word & 31
    if (word === 0xd4000001) seen.push({ number: registers.get(8)!, argument: registers.get(0)!, handler })
    else if (word >>> 21 === 0xd2800000 >>> 21) registers.set(register, (word >>> 5) & 0xffff)
    else if (word >>> 24 === 0x10) registers.set(register, place + 4 * ((word >>> 5) & 0x7ffff))
    else if (word === 0xf90003e9) handler = registers.get(9)!
    else if (word >>> 26 === 0b000101) place += 4 * (((word & 0x3ffffff) << 6) >> 6) - 4
  }
  return seen
}

test('ignores SIGCHLD, ends on SIGTERM and SIGINT, waits for ever', () => {
  const [child, term, int, ...waits] = follow(entry, 6)
  assert.deepEqual(child, { number: 134, argument: 17, handler: 1 })
  assert.deepEqual([term?.number, term?.argument], [134, 15])
  assert.deepEqual([int?.number, int?.argument, int?.handler], [134, 2, term?.handler])
  assert.deepEqual(
    waits.map(({ number, argument }) => [number, argument]),
    Array(3).fill([73, 0]),
  )
  const [end] = follow(term!.handler, 1)
  assert.deepEqual([end?.number, end?.argument], [93, 0])
})
