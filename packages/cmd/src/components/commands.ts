import type { CliEnvironment } from '@canopus/cli'
import type { Command } from 'commander'
import { addApiServer } from './apiserver.ts'
import { runControlPlane } from './control-plane.ts'
import { addControllerManager } from './controller-manager.ts'
import { addDns } from './dns.ts'
import { addKubelet } from './kubelet.ts'
import { runNode } from './node.ts'
import { addProxy } from './proxy.ts'
import { addScheduler } from './scheduler.ts'
import { readDescription } from './settings.ts'

/** The components of Kubernetes, each alone, and what `up` starts. */
export function addComponents(program: Command, environment: CliEnvironment): void {
  for (const add of [addApiServer, addControllerManager, addScheduler, addKubelet, addProxy, addDns])
    add(program, environment).helpGroup("Components, each alone, with the flags of Kubernetes' own:")
  addPartsOfUp(program, environment)
}

/** What `up` starts. Not for hands: hidden from the help. */
function addPartsOfUp(program: Command, environment: CliEnvironment): void {
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
