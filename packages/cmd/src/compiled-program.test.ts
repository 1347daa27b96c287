import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { compileProgram, type Program, runProgram } from './compiled-program.ts'

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
    writeFileSync(first.codePath, first.script.createCachedData())
    const second = compiled(text)
    assert.equal(second.script.cachedDataRejected, false)
    assert.deepEqual(saidBy(second), ['one'])
    const other = compiled(text.replace('one', 'two'))
    assert.equal(other.script.cachedDataRejected, undefined)
    assert.deepEqual(saidBy(other), ['two'])
  })

  it('leaves aside what V8 does not take', () => {
    const text = "toldByProgram.push('three')"
    // Not compiled before: V8 would remember that and look at no file.
    writeFileSync(`${path}.${crc32(text).toString(16)}.code`, 'no bytecode')
    const program = compiled(text)
    assert.equal(program.script.cachedDataRejected, true)
    assert.deepEqual(saidBy(program), ['three'])
  })
})
