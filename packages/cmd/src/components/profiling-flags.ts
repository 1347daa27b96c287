/** `--profiling` and `--debug-socket-path`. */
import type { ProfilingOptions } from '@canopus/apiserver'
import { type Logger, sleep } from '@canopus/base'
import { startDebugSocket } from '@canopus/control-plane'
import { type LogVerbosity, startProfiler, systemClock } from '@canopus/platform'
import type { Command } from 'commander'
import { bool } from '../flags.ts'

export interface ProfilingFlags {
  profiling: boolean
  debugSocketPath?: string
}

/** Of every component. Profiles show what a program does with other people's data: who wants them says so. */
export function addProfilingFlag(command: Command): void {
  command.option(
    '--profiling [bool]',
    "serve profiles at /debug/pprof to those who may read it (upstream's default is true)",
    bool,
    false,
  )
}

/** Of the API server. */
export function addDebugSocketFlag(command: Command): void {
  command.option('--debug-socket-path <path>', 'serve them on a Unix socket to whoever may open it')
}

/** What profiles are made by, where somebody wants any. */
export interface Profiling {
  /** For the component's port. */
  readonly served: { readonly profiling?: ProfilingOptions }
  close(): Promise<void>
}

/** Rejects where the socket cannot be made. */
export async function startProfiling(
  { profiling: isServed, debugSocketPath }: ProfilingFlags,
  verbosity: LogVerbosity,
  logger: Logger,
): Promise<Profiling> {
  if (!isServed && debugSocketPath === undefined) return { served: {}, close: async () => {} }
  const profiler = await startProfiler(milliseconds => sleep(systemClock, milliseconds))
  const profiling = { clock: systemClock, profiler, setVerbosity: (level: number) => verbosity.set(level) }
  const socket = debugSocketPath ? await startDebugSocket(debugSocketPath, profiling, logger) : undefined
  return {
    served: isServed ? { profiling } : {},
    close: async () => {
      await socket?.close()
      profiler.close()
    },
  }
}
