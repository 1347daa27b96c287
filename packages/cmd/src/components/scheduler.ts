import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Logger, MetricsRegistry } from '@canopus/base'
import type { CliEnvironment } from '@canopus/cli'
import { createSeriesRecorder } from '@canopus/operator'
import {
  createScheduler,
  defaultConfiguration,
  type PluginFactory,
  type SchedulerConfiguration,
} from '@canopus/scheduler'
import type { Command } from 'commander'
import { required } from '../flags.ts'
import { accessByKubeconfig, controllerContext } from './access.ts'
import {
  addFlagsWithoutEffect,
  addLeaderFlags,
  addLogFlags,
  componentLogger,
  type LeaderFlags,
  type LogFlags,
  reportFlagsWithoutEffect,
  runElected,
} from './common-flags.ts'
import { addFeatureGateFlag, type FeatureGateFlags, featureGatesOf } from './feature-flags.ts'
import { askExtender, importPlugins, readSchedulerConfiguration } from './scheduler-configuration.ts'
import { addSecureServingFlags, type SecureServingFlags, serveSecurely } from './secure-serving.ts'

interface SchedulerFlags extends FeatureGateFlags, LogFlags, LeaderFlags, SecureServingFlags {
  kubeconfig?: string
  config?: string
  plugin?: string[]
}

const WITHOUT_EFFECT = ['authentication-kubeconfig', 'authorization-kubeconfig', 'contention-profiling', 'profiling']

/** `canopus scheduler`: the scheduler alone, with kube-scheduler's flags. */
export function addScheduler(program: Command, environment: CliEnvironment): Command {
  const command = program
    .command('scheduler')
    .description('run the scheduler alone')
    .option('--kubeconfig <file>', 'how to reach the API server')
    .option('--config <file>', 'profiles, plugins and extenders: a KubeSchedulerConfiguration')
    .option('--plugin <module>', 'plugins of your own, for the configuration to enable (repeatable)', collect)
  addSecureServingFlags(command, 10_259, join(environment.home.root, 'scheduler'))
  addFeatureGateFlag(command)
  addLeaderFlags(command, 'kube-scheduler')
  addFlagsWithoutEffect(command, WITHOUT_EFFECT)
  addLogFlags(command)
  return command.action(({ config, ...log }: SchedulerFlags) => {
    const logger = componentLogger(log, 'scheduler')
    reportFlagsWithoutEffect(command, WITHOUT_EFFECT, logger)
    const configuration = config === undefined ? defaultConfiguration : readSchedulerConfiguration(config)
    applyLeaderElection(command, configuration)
    return runScheduler(command.opts(), configuration, logger, environment.signal)
  })
}

const collect = (value: string, before: string[] = []): string[] => [...before, value]

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

async function runScheduler(
  flags: SchedulerFlags,
  configuration: SchedulerConfiguration,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const factories: Record<string, PluginFactory> = {}
  for (const module of flags.plugin ?? []) Object.assign(factories, await importPlugins(module))
  const metrics = new MetricsRegistry()
  featureGatesOf(flags).register(metrics)
  const access = accessByKubeconfig(
    required('kubeconfig', flags.kubeconfig ?? configuration.kubeconfig),
    logger,
    'kube-scheduler',
    metrics,
  )
  const own = await serveSecurely(flags, 'scheduler', { client: access.client, logger, metrics })
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
        const scheduler = createScheduler(context, { configuration, factories, askExtender })
        access.informers.start(leading)
        logger.info('the scheduler is starting')
        await scheduler.run(leading)
      },
      signal,
    )
  } finally {
    await own?.close()
    access.close()
  }
}
