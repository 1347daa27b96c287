import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { removePodCgroups } from '../cluster/cgroups.ts'
import { type ClusterConfig, loadConfig, type NodeConfig } from '../cluster/config.ts'
import { killLeftContainers } from '../cluster/left-containers.ts'
import { withLock } from '../cluster/lock.ts'
import { removeMachineNetwork } from '../cluster/machine-network.ts'
import { nodeComponent, removeMountNamespaces } from '../cluster/node-environment.ts'
import { findProcesses, killRemaining, mainProcess, markOf, stopComponent } from '../cluster/processes.ts'
import { removeAllPods } from '../cluster/runtime.ts'
import type { CliEnvironment } from '../environment.ts'
import { Failure } from '../failure.ts'
import { CONTROL_PLANE } from './up.ts'

/** Stops the cluster's containers and components; the data stays, and `up` brings it back. */
export async function stop(options: { name: string; grace: number }, environment: CliEnvironment): Promise<void> {
  const config = loadConfig(environment.home, options.name)
  if (!config) throw new Failure(`there is no cluster "${options.name}"`, 'Make one with `canopus up`.')
  await withLock(join(environment.home.root, `${options.name}.lock`), `cluster "${options.name}"`, () =>
    stopCluster(config, options.grace, environment),
  )
  environment.progress.say(
    `  Cluster "${config.name}" is stopped. \`canopus up${config.name === 'canopus' ? '' : ` --name ${config.name}`}\` brings it back.`,
  )
}

/** Everything that runs of a cluster is ended, pods first, and nothing of it is left but files. */
export async function stopCluster(config: ClusterConfig, grace: number, environment: CliEnvironment): Promise<void> {
  const { clock, progress } = environment
  await Promise.all(config.nodes.map(node => stopNode(config, node, grace, environment)))
  await progress.step('Stopping the control plane', () => stopComponent(markOf(config), CONTROL_PLANE, clock))
  await killRemaining(markOf(config), clock)
  for (const node of config.nodes.filter(each => each.place === 'host')) {
    const left = await killLeftContainers(config, node, clock)
    if (left.length > 0) removePodCgroups(left)
  }
  if (config.nodes.length > 0) {
    await removeMountNamespaces(config)
    await removeMachineNetwork(config)
  }
  rmSync(config.runDirectory, { recursive: true, force: true })
}

/** Ends a node's agent, its pods, containerd, and with them the node's namespaces. */
async function stopNode(
  config: ClusterConfig,
  node: NodeConfig,
  grace: number,
  { clock, progress }: CliEnvironment,
): Promise<void> {
  const part = (name: Parameters<typeof nodeComponent>[1]): string => nodeComponent(node.name, name)
  await stopComponent(markOf(config), part('agent'), clock)
  const uids = mainProcess(findProcesses(markOf(config)), part('containerd'))
    ? await progress.step(`Stopping the pods of ${node.name}`, () => removeAllPods(config, node, grace, clock))
    : []
  await stopComponent(markOf(config), part('containerd'), clock)
  if (node.place === 'namespace') await stopComponent(markOf(config), part('init'), clock, 0)
  removePodCgroups(uids, node.place === 'namespace' ? node.name : undefined)
}
