import { hostname } from 'node:os'
import { join } from 'node:path'
import type { FlagValues, HealthCheck } from '@canopus/apiserver'
import type { Logger } from '@canopus/base'
import type { CliEnvironment } from '@canopus/cli'
import { createSeriesRecorder } from '@canopus/operator'
import { LogVerbosity } from '@canopus/platform'
import {
  createScheduler,
  defaultConfiguration,
  type PluginFactory,
  type SchedulerConfiguration,
  writtenConfiguration,
} from '@canopus/scheduler'
import type { Command } from 'commander'
import { duration, given, number, rate, required } from '../flags.ts'
import { accessByKubeconfig, controllerContext } from './access.ts'
import {
  addFlagsWithoutEffect,
  addLeaderFlags,
  addLogFlags,
  addVersionFlag,
  componentLogger,
  type LeaderFlags,
  LOG_WITHOUT_EFFECT,
  type LogFlags,
  reportFlagsWithoutEffect,
  runElected,
} from './common-flags.ts'
import { addFeatureGateFlag, type FeatureGateFlags, featureGatesOf } from './feature-flags.ts'
import { flagValues } from './flag-values.ts'
import { addMetricsFlags, type MetricsFlags, metricsRegistryOf } from './metrics-flags.ts'
import { addProfilingFlag, type ProfilingFlags, startProfiling } from './profiling-flags.ts'
import {
  askExtender,
  importPlugins,
  limitsOf,
  readSchedulerConfiguration,
  writeSchedulerConfiguration,
} from './scheduler-configuration.ts'
import {
  addSecureServingFlags,
  SERVING_WITHOUT_EFFECT,
  type SecureServingFlags,
  serveSecurely,
} from './secure-serving.ts'

interface SchedulerFlags
  extends FeatureGateFlags,
    LogFlags,
    LeaderFlags,
    MetricsFlags,
    ProfilingFlags,
    SecureServingFlags {
  kubeconfig?: string
  config?: string
  plugin?: string[]
  writeConfigTo?: string
  kubeApiQps?: number
  kubeApiBurst?: number
  podMaxInUnschedulablePodsDuration: number
}

const WITHOUT_EFFECT = [
  ...SERVING_WITHOUT_EFFECT,
  ...LOG_WITHOUT_EFFECT,
  'contention-profiling',
  'kube-api-content-type',
]

/** `canopus scheduler`: the scheduler alone, with kube-scheduler's flags. */
export function addScheduler(program: Command, environment: CliEnvironment): Command {
  const command = program
    .command('scheduler')
    .description('run the scheduler alone')
    .option('--kubeconfig <file>', 'how to reach the API server')
    .option('--config <file>', 'profiles, plugins and extenders: a KubeSchedulerConfiguration')
    .option('--plugin <module>', 'plugins of your own, for the configuration to enable (repeatable)', collect)
    .option('--write-config-to <file>', 'write the configuration, with its defaults, to a file and end')
    .option('--kube-api-qps <number>', 'requests a second at most; not with --config (default: no limit)', rate)
    .option(
      '--kube-api-burst <number>',
      'how many of them at once; not with --config (default: 100)',
      number(0, 2 ** 31 - 1),
    )
    .option(
      '--pod-max-in-unschedulable-pods-duration <duration>',
      'when a pod is tried again to which nothing has happened',
      duration,
      300_000,
    )
  addSecureServingFlags(command, 10_259, join(environment.home.root, 'scheduler'))
  addProfilingFlag(command)
  addFeatureGateFlag(command)
  addMetricsFlags(command)
  addLeaderFlags(command, 'kube-scheduler')
  addFlagsWithoutEffect(command, WITHOUT_EFFECT)
  addVersionFlag(command)
  addLogFlags(command)
  return command.action((flags: SchedulerFlags) => {
    const verbosity = new LogVerbosity(flags.v)
    const logger = componentLogger(flags, 'scheduler', verbosity)
    reportFlagsWithoutEffect(command, WITHOUT_EFFECT, logger)
    const read = flags.config === undefined ? configurationByFlags(flags) : readSchedulerConfiguration(flags.config)
    applyLeaderElection(command, read)
    const configuration = { ...read, leaderElection: leaderElectionOf(command.opts()) }
    if (flags.writeConfigTo === undefined)
      return runScheduler(command.opts(), flagValues(command), configuration, { logger, verbosity }, environment.signal)
    writeSchedulerConfiguration(flags.writeConfigTo, configuration)
    logger.info('the configuration was written', { file: flags.writeConfigTo })
    return undefined
  })
}

const collect = (value: string, before: string[] = []): string[] => [...before, value]

/** Where there is no file, flags say what would stand there (cmd/kube-scheduler/app/options: ApplyDeprecated). */
function configurationByFlags({ kubeconfig, kubeApiQps, kubeApiBurst }: SchedulerFlags): SchedulerConfiguration {
  const clientConnection = given({ qps: kubeApiQps, burst: kubeApiBurst })
  return { ...defaultConfiguration, clientConnection, ...given({ kubeconfig }) }
}

const LEASE_FLAGS: Readonly<Record<keyof SchedulerConfiguration['leaderElection'], keyof LeaderFlags>> = {
  leaderElect: 'leaderElect',
  resourceName: 'leaderElectResourceName',
  resourceNamespace: 'leaderElectResourceNamespace',
  leaseDuration: 'leaderElectLeaseDuration',
  renewDeadline: 'leaderElectRenewDeadline',
  retryPeriod: 'leaderElectRetryPeriod',
}

/**
 * Makes what the configuration says about the lease the values of the command's flags. Flags that were typed win, as no others
 * do (cmd/kube-scheduler/app/options: ApplyLeaderElectionTo).
 */
export function applyLeaderElection(command: Command, { leaderElection }: SchedulerConfiguration): void {
  for (const [field, flag] of Object.entries(LEASE_FLAGS) as [keyof typeof LEASE_FLAGS, keyof LeaderFlags][]) {
    const value = leaderElection[field]
    if (value === undefined || command.getOptionValueSource(flag) === 'cli') continue
    command.setOptionValueWithSource(flag, value, 'config')
  }
}

const leaderElectionOf = (flags: LeaderFlags): SchedulerConfiguration['leaderElection'] =>
  Object.fromEntries(Object.entries(LEASE_FLAGS).map(([field, flag]) => [field, flags[flag]]))

async function runScheduler(
  flags: SchedulerFlags,
  values: FlagValues,
  configuration: SchedulerConfiguration,
  { logger, verbosity }: { logger: Logger; verbosity: LogVerbosity },
  signal: AbortSignal,
): Promise<void> {
  const { podMaxInUnschedulablePodsDuration: maxUnschedulable } = flags
  const factories: Record<string, PluginFactory> = {}
  for (const module of flags.plugin ?? []) Object.assign(factories, await importPlugins(module))
  const metrics = metricsRegistryOf(flags)
  const featureGates = featureGatesOf(flags, 'scheduler')
  featureGates.register(metrics)
  const access = accessByKubeconfig(
    required('kubeconfig', flags.kubeconfig ?? configuration.kubeconfig),
    logger,
    'kube-scheduler',
    metrics,
    limitsOf(configuration.clientConnection),
  )
  const profiling = await startProfiling(flags, verbosity, logger)
  const served = {
    ...profiling.served,
    client: access.client,
    flags: values,
    logger,
    metrics,
    resetsMetrics: true,
    configuration: { componentconfig: writtenConfiguration(configuration) },
  }
  let isSynced = flags.leaderElect
  const readiness: HealthCheck[] = [
    {
      name: 'shutdown',
      scope: 'ready',
      check: () => {
        if (signal.aborted) throw new Error('process is shutting down')
      },
    },
    {
      name: 'sched-handler-sync',
      scope: 'ready',
      check: () => {
        if (!isSynced) throw new Error('handlers are not synced')
      },
    },
  ]
  const own = await serveSecurely(flags, 'scheduler', { ...served, readiness })
  try {
    const { clock, ...others } = controllerContext(access, 'default-scheduler', logger)
    const component = 'default-scheduler'
    const events = createSeriesRecorder({ client: access.client, clock, logger, component, host: hostname(), signal })
    const context = { ...others, clock, events, metrics }
    await runElected(
      flags,
      access,
      logger,
      metrics,
      async leading => {
        const options = { configuration, factories, askExtender, maxUnschedulable, featureGates }
        const scheduler = createScheduler(context, options)
        access.informers.start(leading)
        isSynced = true
        logger.info('the scheduler is starting')
        await scheduler.run(leading)
      },
      signal,
    )
  } finally {
    await own?.close()
    await profiling.close()
    access.close()
  }
}
