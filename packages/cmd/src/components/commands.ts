import type { CliEnvironment } from '@canopus/cli'
import type { Command } from 'commander'
import { runControlPlane } from './control-plane.ts'
import { runNode } from './node.ts'
import { readDescription } from './settings.ts'

/** The components that `up` starts. They are not for hands: hidden from the help. */
export function addComponents(program: Command, environment: CliEnvironment): void {
  program
    .command('control-plane', { hidden: true })
    .description('run API server, controllers and scheduler of a cluster')
    .requiredOption('--config <file>', "the cluster's description")
    .action((flags: { config: string }) => runControlPlane(readDescription(flags.config), environment.signal))
  program
    .command('node', { hidden: true })
    .description('run kubelet, service proxy, DNS and pod network of a node')
    .requiredOption('--config <file>', "the cluster's description")
    .requiredOption('--node <name>', 'which node')
    .action((flags: { config: string; node: string }) =>
      runNode(readDescription(flags.config), flags.node, environment.signal),
    )
}
