import { Command } from 'commander'
import { readDescription } from './settings.ts'

const PARTS = ['control-plane', 'node']

/** Whether this is what `up` starts, rather than a command of somebody's. */
export const isPartOfUp = (command: string | undefined): boolean => command !== undefined && PARTS.includes(command)

/** A command line with nothing but these. */
export function createPartsOfUp(environment: { readonly signal: AbortSignal }): Command {
  const program = new Command('canopus').exitOverride()
  addPartsOfUp(program, environment)
  return program
}

/**
 * What `up` starts. Not for hands: hidden from the help. Each part loads its own modules only when it runs: they stay in memory as
 * long as the cluster, and a node's agent needs nothing of the API server.
 */
export function addPartsOfUp(program: Command, { signal }: { readonly signal: AbortSignal }): void {
  program
    .command('control-plane', { hidden: true })
    .description('run API server, controllers and scheduler of a cluster')
    .requiredOption('--config <file>', "the cluster's description")
    .action(async (flags: { config: string }) => {
      const { runControlPlane } = await import('./control-plane.ts')
      return runControlPlane(readDescription(flags.config), signal)
    })
  program
    .command('node', { hidden: true })
    .description('run kubelet, service proxy, DNS and pod network of a node')
    .requiredOption('--config <file>', "the cluster's description")
    .requiredOption('--node <name>', 'which node')
    .action(async (flags: { config: string; node: string }) => {
      const { runNode } = await import('./node.ts')
      return runNode(readDescription(flags.config), flags.node, signal)
    })
}
