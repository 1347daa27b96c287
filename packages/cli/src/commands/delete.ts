import { join } from 'node:path'
import { removeFromKubeconfig } from '@canopus/host'
import { type ClusterConfig, fileOf, listConfigs, loadConfig, removeConfig } from '../cluster/config.ts'
import { removeData } from '../cluster/data-directory.ts'
import { removeHostPortRules } from '../cluster/host-port-rules.ts'
import { restoreKernelParameters } from '../cluster/kernel-parameters.ts'
import { withLock } from '../cluster/lock.ts'
import { otherSlotsTaken, releaseSlot } from '../cluster/slots.ts'
import type { CliEnvironment } from '../environment.ts'
import { Failure } from '../failure.ts'
import { stopCluster } from './stop.ts'

/** Removes the cluster and everything that it made on this machine, its data included. */
export async function deleteCluster(
  options: { name: string; ignoreMissing: boolean },
  environment: CliEnvironment,
): Promise<void> {
  const config = loadConfig(environment.home, options.name)
  if (!config && options.ignoreMissing) return
  if (!config) throw new Failure(`there is no cluster "${options.name}"`, listHint(environment))
  await withLock(join(environment.home.root, `${options.name}.lock`), `cluster "${options.name}"`, () =>
    removeCluster(config, environment),
  )
  environment.progress.say(`  Cluster "${config.name}" is gone.`)
}

/** The same without questions, also for a cluster that was only half made. */
export async function removeCluster(config: ClusterConfig, environment: CliEnvironment): Promise<void> {
  if (config.nodes.length > 0 && environment.uid !== 0)
    throw new Failure('removing a node needs root', 'Run the command with sudo.')
  await stopCluster(config, 0, environment)
  if (config.nodes.length > 0) {
    const isLast = !otherSlotsTaken(config.slot)
    if (isLast) restoreKernelParameters()
    await removeHostPortRules(config.clusterCidr, isLast)
  }
  if (config.kubeconfigMerged && config.kubeconfig !== undefined) removeFromKubeconfig(config.kubeconfig, config.name)
  removeData(config.dataDirectory)
  removeConfig(environment.home, config.name)
  releaseSlot(config.slot, fileOf(environment.home, config.name))
}

function listHint(environment: CliEnvironment): string {
  const names = listConfigs(environment.home).map(config => config.name)
  return names.length === 0 ? 'There is none on this machine.' : `There are: ${names.join(', ')}`
}
