import type { Clock } from '@canopus/base'
import type { Home } from './cluster/config.ts'
import type { Progress } from './progress.ts'

/** What commands are given of the outside world. */
export interface CliEnvironment {
  clock: Clock
  home: Home
  uid: number
  env: Readonly<Record<string, string | undefined>>
  progress: Progress
  stdout: { write(text: string): unknown; isTTY?: boolean }
  /** The command that runs this very program again, for the components that it starts. */
  self: readonly string[]
  /** Aborts on Ctrl-C. */
  signal: AbortSignal
}
