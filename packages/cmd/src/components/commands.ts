import type { CliEnvironment } from '@canopus/cli'
import type { Command } from 'commander'

/** The components that `up` starts, each also on its own. */
export function addComponents(_program: Command, _environment: CliEnvironment): void {}
