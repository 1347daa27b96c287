/**
 * `tools/keep-code.ts PROGRAM ARGUMENT...`: runs the bundled program and keeps what V8 has compiled of it until it ends, for the
 * next ones who start it.
 */
import { compileProgram, keepCode, runProgram } from '../packages/cmd/src/compiled-program.ts'

const [path, ...args] = process.argv.slice(2)
const program = compileProgram(path!)
process.argv = [process.execPath, path!, ...args]
process.once('exit', () => keepCode(program))
runProgram(program)
