import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { compileProgram, keepCode, type Program, runProgram } from './compiled-program.ts'

const directory = mkdtempSync(join(tmpdir(), 'canopus-program-'))
const path = join(directory, 'program.cjs')
const told: unknown[] = []
Object.assign(globalThis, { toldByProgram: told })

const compiled = (text: string): Program => {
  writeFileSync(path, text)
  return compileProgram(path)
}

/** What a program says that runs now. */
function saidBy(program: Program): unknown[] {
  told.length = 0
  runProgram(program)
  return [...told]
}

describe('the compiled program', () => {
  after(() => {
    rmSync(directory, { recursive: true, force: true })
    Reflect.deleteProperty(globalThis, 'toldByProgram')
  })

  it('runs as a CommonJS module', () => {
    const program = compiled("toldByProgram.push(__filename, __dirname, require('node:path').basename(module.id))")
    assert.deepEqual(saidBy(program), [path, directory, 'program.cjs'])
  })

  it('takes the bytecode of just this text', () => {
    const text = "toldByProgram.push((() => 'one')())"
    const first = compiled(text)
    assert.deepEqual(saidBy(first), ['one'])
    assert.equal(first.script.cachedDataRejected, undefined)
    keepCode(first)
    const second = compiled(text)
    assert.equal(second.script.cachedDataRejected, false)
    assert.deepEqual(saidBy(second), ['one'])
    const other = compiled(text.replace('one', 'two'))
    assert.equal(other.script.cachedDataRejected, undefined)
    assert.deepEqual(saidBy(other), ['two'])
  })

  const damages: [string, (code: Buffer) => Buffer][] = [
    ['is no bytecode', () => Buffer.from('no bytecode')],
    ['is empty', () => Buffer.alloc(0)],
    ['was cut off', code => code.subarray(0, code.length >> 1)],
    ['has lost its end', code => code.subarray(0, -1)],
    ['has one bit changed', code => Buffer.from(code).fill(code.at(-9)! ^ 1, code.length - 9, code.length - 8)],
  ]
  for (const [what, damage] of damages)
    it(`leaves aside a file that ${what}`, () => {
      const text = `toldByProgram.push('${what}')`
      const first = compiled(text)
      keepCode(first)
      const code = damage(readFileSync(first.codePath))
      writeFileSync(first.codePath, code)
      const program = compileProgram(path)
      assert.equal(program.script.cachedDataRejected, undefined)
      assert.deepEqual(saidBy(program), [what])
    })

  it('leaves aside what V8 does not take', () => {
    const text = "toldByProgram.push('three')"
    // Not compiled before: V8 would remember that and look at no file.
    const sum = Buffer.alloc(4)
    sum.writeUInt32LE(crc32('no bytecode'))
    writeFileSync(`${path}.${crc32(text).toString(16)}.code`, Buffer.concat([Buffer.from('no bytecode'), sum]))
    const program = compiled(text)
    assert.equal(program.script.cachedDataRejected, true)
    assert.deepEqual(saidBy(program), ['three'])
  })
})
