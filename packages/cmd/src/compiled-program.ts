/** The bundled program with the bytecode that V8 made of it when it was built: a command then starts in half of the CPU time. */
import { mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { constants, Script } from 'node:vm'
import { crc32 } from 'node:zlib'

export interface Program {
  /** Of the CommonJS file. */
  readonly path: string
  readonly script: Script
  /** Where bytecode of just this text is kept. V8 itself tells texts apart by their length alone. */
  readonly codePath: string
}

/**
 * Compiles a CommonJS file as Node does, with its bytecode where that is there. Bytecode of another V8 is left aside by V8
 * itself, damaged bytecode here. Throws where the file cannot be read.
 */
export function compileProgram(path: string): Program {
  const text = readFileSync(path)
  const codePath = `${path}.${crc32(text).toString(16)}.code`
  const script = new Script(Module.wrap(text.toString()), {
    filename: path,
    cachedData: keptCode(codePath),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  return { path, script, codePath }
}

/** Runs it as the module that it is. */
export function runProgram({ path, script }: Program): void {
  const module = { id: path, exports: {} }
  const run = script.runInThisContext() as (...scope: unknown[]) => void
  run(module.exports, createRequire(path), module, path, dirname(path))
}

/** Keeps what V8 has compiled of the program until now. */
export function keepCode({ script, codePath }: Program): void {
  const code = script.createCachedData()
  const sum = Buffer.alloc(SUM_LENGTH)
  sum.writeUInt32LE(crc32(code))
  replaceFile(codePath, Buffer.concat([code, sum]))
}

/** Writes a file that appears whole, also where another process writes the same one. */
export function replaceFile(path: string, content: Uint8Array, modified = new Date()): void {
  const fresh = `${path}.${process.pid}.new`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(fresh, content)
  utimesSync(fresh, modified, modified)
  renameSync(fresh, path)
}

const SUM_LENGTH = 4

/** V8 takes bytecode in which bits have changed: the file ends with its CRC, without which it is not shown to V8. */
function keptCode(path: string): Buffer | undefined {
  let content: Buffer
  try {
    content = readFileSync(path)
  } catch {
    return undefined
  }
  const length = content.length - SUM_LENGTH
  if (length <= 0) return undefined
  const code = content.subarray(0, length)
  return crc32(code) === content.readUInt32LE(length) ? code : undefined
}
