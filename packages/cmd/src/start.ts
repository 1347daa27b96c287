import { join } from 'node:path'
import { compileProgram, runProgram } from './compiled-program.ts'

/** What the bundle begins with: the program lies beside it, so that its bytecode can be taken from a file. */
runProgram(compileProgram(join(__dirname, 'program.cjs')))
