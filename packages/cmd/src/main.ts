import { type CliEnvironment, createProgress, Failure, homeOf } from '@canopus/cli'
import { signalOfProcess } from '@canopus/host'
import { systemClock } from '@canopus/platform'
import { type Command, CommanderError } from 'commander'
import { createPartsOfUp, isPartOfUp } from './components/parts-of-up.ts'

/** Runs a command line to its end and returns the exit status: 0, 1 for a failure, 2 for a wrong command line. */
export async function main(argv: readonly string[], self: readonly string[]): Promise<number> {
  const environment: CliEnvironment = {
    clock: systemClock,
    home: homeOf(process.env, process.getuid?.() ?? 1),
    uid: process.getuid?.() ?? 1,
    env: process.env,
    progress: createProgress({
      stream: process.stderr,
      clock: systemClock,
      colours: process.stderr.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
    }),
    stdout: process.stdout,
    self,
    signal: signalOfProcess(),
  }
  let status = 0
  try {
    const program = await programOf(argv, environment, code => {
      status = code
    })
    await program.parseAsync([...argv], { from: 'user' })
    return status
  } catch (error) {
    return explain(error, environment)
  }
}

/** The whole command line, or what is needed of it: what runs as long as a cluster loads no more than it uses. */
async function programOf(
  argv: readonly string[],
  environment: CliEnvironment,
  exit: (status: number) => void,
): Promise<Command> {
  if (isPartOfUp(argv[0])) return createPartsOfUp(environment)
  const { createProgram } = await import('./program.ts')
  return createProgram(environment, exit)
}

function explain(error: unknown, environment: CliEnvironment): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (environment.signal.aborted) {
    process.stderr.write('interrupted\n')
    return 130
  }
  if (error instanceof Failure) {
    process.stderr.write(`error: ${error.message}\n${error.hint === undefined ? '' : `${error.hint}\n`}`)
    return 1
  }
  process.stderr.write(`error: ${describe(error)}\n`)
  return 1
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'ENOSPC') return `the disk is full: ${error.message}`
  return process.env.CANOPUS_DEBUG ? (error.stack ?? error.message) : error.message
}
