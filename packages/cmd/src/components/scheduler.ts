import { join } from 'node:path'
import { type Logger, MetricsRegistry } from '@canopus/base'
import type { CliEnvironment } from '@canopus/cli'
import { createScheduler } from '@canopus/scheduler'
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
import { addSecureServingFlags, type SecureServingFlags, serveSecurely } from './secure-serving.ts'

interface SchedulerFlags extends LogFlags, LeaderFlags, SecureServingFlags {
  kubeconfig?: string
}

const WITHOUT_EFFECT = ['authentication-kubeconfig', 'authorization-kubeconfig']

/** `canopus scheduler`: the scheduler alone, with kube-scheduler's flags. */
export function addScheduler(program: Command, environment: CliEnvironment): Command {
  const command = program
    .command('scheduler')
    .description('run the scheduler alone')
    .option('--kubeconfig <file>', 'how to reach the API server')
  addSecureServingFlags(command, 10_259, join(environment.home.root, 'scheduler'))
  addLeaderFlags(command, 'kube-scheduler')
  addFlagsWithoutEffect(command, WITHOUT_EFFECT)
  addLogFlags(command)
  return command.action((flags: SchedulerFlags) => {
    const logger = componentLogger(flags, 'scheduler')
    reportFlagsWithoutEffect(command, WITHOUT_EFFECT, logger)
    return runScheduler(flags, logger, environment.signal)
  })
}

async function runScheduler(flags: SchedulerFlags, logger: Logger, signal: AbortSignal): Promise<void> {
  const metrics = new MetricsRegistry()
  const access = accessByKubeconfig(required('kubeconfig', flags.kubeconfig), logger, 'kube-scheduler', metrics)
  const own = await serveSecurely(flags, 'scheduler', { client: access.client, logger, metrics })
  try {
    const context = { ...controllerContext(access, 'default-scheduler', logger), metrics }
    await runElected(
      flags,
      access,
      logger,
      async leading => {
        const scheduler = createScheduler(context)
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
