import { hostname } from 'node:os'
import { GIT_VERSION, versionInfo } from '@canopus/apiserver'
import { type Logger, type MetricsRegistry, uuid } from '@canopus/base'
import { runWithLease } from '@canopus/operator'
import { createLogger, type LogFormat, LogVerbosity, systemClock, systemRandom } from '@canopus/platform'
import { type Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { bool, duration } from '../flags.ts'
import type { Access } from './access.ts'
import { reportedVersion } from './api-flags.ts'
import type { ConfigField } from './component-config.ts'

const LOG_FORMATS: readonly LogFormat[] = ['json', 'text']

/** `-v=4`, `--v 4`: the higher, the more is logged. */
export interface LogFlags {
  v: number
  loggingFormat: LogFormat
}

/** Every component says which it is where the flag has no value; the API server may be told to say otherwise. */
export function addVersionFlag(command: Command): void {
  command
    .option(
      '--version [version]',
      'say which version this is, and end; raw: all of it; another value: say that, the own version with another suffix',
      reportedVersion,
    )
    .hook('preAction', () => {
      const asked: unknown = command.getOptionValue('version')
      if (asked !== true && asked !== 'raw') return
      process.stdout.write(asked === true ? `Kubernetes ${GIT_VERSION}\n` : rawVersion())
      throw new CommanderError(0, 'commander.version', GIT_VERSION)
    })
}

/** As Go writes the value of a struct, all of which is compiled in: what is emulated is not. */
function rawVersion(): string {
  const fields = Object.entries(versionInfo()).map(([name, value]) => {
    const given = /^(emulation|minCompatibility)/.test(name) ? '' : value
    return `${name.charAt(0).toUpperCase()}${name.slice(1)}:${JSON.stringify(given)}`
  })
  return `version.Info{${fields.join(', ')}}\n`
}

/** Flags of upstream's logs that change nothing here. */
export const LOG_WITHOUT_EFFECT = [
  'log-flush-frequency',
  'log-json-info-buffer-size',
  'log-json-split-stream',
  'log-text-info-buffer-size',
  'log-text-split-stream',
  'vmodule',
]

export function addLogFlags(command: Command): void {
  command.option(
    '-v, --v <level>',
    'how much is logged; 4 and more shows details',
    text => {
      const level = Number(text.replace(/^=/, ''))
      if (!Number.isInteger(level)) throw new InvalidArgumentError('not a whole number.')
      return level
    },
    2,
  )
  command.addOption(
    new Option('--logging-format <format>', 'as what it is logged: JSON, or the lines of klog')
      .choices(LOG_FORMATS)
      .default('json'),
  )
}

/** The same of a component's configuration file (k8s.io/component-base/logs/api/v1). */
export const LOG_FIELDS: Readonly<Record<string, ConfigField>> = {
  'logging.format': { flag: 'loggingFormat', type: 'text', oneOf: LOG_FORMATS },
  'logging.verbosity': { flag: 'v', type: 'number' },
}

/** Lines on standard error, each with the component's name. */
export function componentLogger(
  { v, loggingFormat }: LogFlags,
  component: string,
  verbosity = new LogVerbosity(v),
): Logger {
  return createLogger({ to: 2, verbosity, format: loggingFormat, facts: { component } })
}

/** Flags that upstream has and that change nothing here: they are taken, so that manifests written for it work, and logged. */
export function addFlagsWithoutEffect(command: Command, names: readonly string[]): void {
  for (const name of names) command.addOption(new Option(`--${name} [value]`).hideHelp())
  const lines = names.map(name => `  --${name}`).join('\n')
  if (names.length > 0)
    command.addHelpText('after', `\nTaken, but without effect here (a warning says so at the start):\n${lines}`)
}

export function reportFlagsWithoutEffect(command: Command, names: readonly string[], logger: Logger): void {
  const used = names.filter(name => command.getOptionValueSource(camel(name)) === 'cli')
  if (used.length > 0) logger.warn('these flags have no effect in Canopus', { flags: used })
}

const camel = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

export interface LeaderFlags {
  leaderElect: boolean
  leaderElectLeaseDuration: number
  leaderElectRenewDeadline: number
  leaderElectRetryPeriod: number
  leaderElectResourceName: string
  leaderElectResourceNamespace: string
}

export function addLeaderFlags(command: Command, lease: string): void {
  command
    .option('--leader-elect [bool]', 'work only while holding the lease; one of several replicas does', bool, true)
    .option('--leader-elect-lease-duration <duration>', 'how long others wait after the last renewal', duration, 15_000)
    .option('--leader-elect-renew-deadline <duration>', 'how long the holder tries to renew', duration, 10_000)
    .option('--leader-elect-retry-period <duration>', 'time between attempts', duration, 2000)
    .addOption(
      new Option('--leader-elect-resource-lock <type>', 'what the lease is').choices(['leases']).default('leases'),
    )
    .option('--leader-elect-resource-name <name>', 'the lease', lease)
    .option('--leader-elect-resource-namespace <namespace>', 'where the lease is', 'kube-system')
}

/** Runs `work`, under the lease where that is asked for. Rejects where the lease is lost. */
export function runElected(
  flags: LeaderFlags,
  access: Access,
  logger: Logger,
  metrics: MetricsRegistry,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (!flags.leaderElect) return work(signal)
  return runWithLease(
    {
      client: access.client,
      clock: systemClock,
      random: systemRandom,
      logger,
      metrics,
      namespace: flags.leaderElectResourceNamespace,
      name: flags.leaderElectResourceName,
      identity: `${hostname()}_${uuid(systemRandom)}`,
      leaseDuration: flags.leaderElectLeaseDuration,
      renewDeadline: flags.leaderElectRenewDeadline,
      retryPeriod: flags.leaderElectRetryPeriod,
    },
    work,
    signal,
  )
}
