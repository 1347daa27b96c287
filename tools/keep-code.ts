/**
 * `tools/keep-code.ts PROGRAM ARGUMENT...`: runs the bundled program and keeps what V8 has compiled of it until it ends, for the
 * next ones who start it.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { compileProgram, runProgram } from '../packages/cmd/src/compiled-program.ts'

const [path, ...args] = process.argv.slice(2)
const program = compileProgram(path!)
process.argv = [process.execPath, path!, ...args]
process.once('exit', () => {
  // Whole or not at all: V8 does not check what it is given.
  writeFileSync(`${program.codePath}.new`, program.script.createCachedData())
  renameSync(`${program.codePath}.new`, program.codePath)
})
runProgram(program)
