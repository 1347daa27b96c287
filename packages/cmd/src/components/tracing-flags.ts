/** `--tracing-config-file`: which requests are traced, and who is told (k8s.io/apiserver/pkg/server/options/tracing.go). */
import { createTracing, type Tracing } from '@canopus/apiserver'
import type { Logger } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { systemClock, systemRandom } from '@canopus/platform'
import type { Command } from 'commander'
import { fileOf } from '../flags.ts'

export interface TracingFlags {
  tracingConfigFile?: string
}

const FLAG = 'tracing-config-file'

export function addTracingFlags(command: Command): void {
  command.option(`--${FLAG} <file>`, 'which requests are traced, and where spans are sent')
}

/** `instance` names this server in its spans. Undefined where nothing is traced; throws `Failure` where the file is wrong. */
export function tracingOf({ tracingConfigFile: path }: TracingFlags, instance: string, logger: Logger) {
  if (path === undefined) return undefined
  const configuration = fileOf(FLAG, path)
  try {
    const basics = { clock: systemClock, random: systemRandom, logger }
    return createTracing({ configuration, instance, ...basics }) satisfies Tracing
  } catch (error) {
    throw new Failure(`--${FLAG}: ${path}: ${error instanceof Error ? error.message : error}`)
  }
}
