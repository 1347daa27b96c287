import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { mergeKubeconfig, readKubeconfigUser } from '@canopus/host'
import { writeFileAtomic } from '@canopus/platform'
import { changed, type Wishes, withDefaults } from '../cluster/changes.ts'
import {
  type ClusterConfig,
  dataDirectoryOf,
  fileOf,
  loadConfig,
  newConfig,
  pathsOf,
  requireClusterName,
  saveConfig,
} from '../cluster/config.ts'
import { ensureCredentials } from '../cluster/credentials.ts'
import { makeDirectory, requireEmpty } from '../cluster/data-directory.ts'
import { ensureHostPackages } from '../cluster/host-packages.ts'
import { withLock } from '../cluster/lock.ts'
import { removeLeftPods, setUpMachineNetwork } from '../cluster/machine-network.ts'
import { nodeComponent, startNode } from '../cluster/node-environment.ts'
import { findProcesses, mainProcess, markOf } from '../cluster/processes.ts'
import { claimSlot, releaseSlot } from '../cluster/slots.ts'
import { startSupervised } from '../cluster/supervisor.ts'
import { untilReady } from '../cluster/wait.ts'
import type { CliEnvironment } from '../environment.ts'
import { DiskFull, Failure } from '../failure.ts'
import { removeCluster } from './delete.ts'

export interface UpOptions extends Wishes {
  /** Enter the cluster into the user's kubeconfig and make it current. */
  mergeKubeconfig: boolean
  wait: boolean
  /** Milliseconds. */
  timeout: number
}

export const CONTROL_PLANE = 'control-plane'

/** Makes the cluster if there is none, starts what does not run, and waits until it answers. */
export async function up(options: UpOptions, environment: CliEnvironment): Promise<void> {
  requireRoot(options.nodes ?? loadConfig(environment.home, options.name)?.nodes.length ?? 1, environment)
  await withLock(join(environment.home.root, `${options.name}.lock`), `cluster "${options.name}"`, async () => {
    const start = environment.clock.monotonic()
    const existing = loadConfig(environment.home, options.name)
    const config = existing ? changed(existing, options) : await planned(options, environment)
    try {
      await bringUp(config, options, environment)
    } catch (error) {
      if (!existing) await removeCluster(config, environment)
      throw error
    }
    if (options.wait) await waitForCluster(config, !existing, options, environment)
    report(config, options, environment, environment.clock.monotonic() - start)
  })
}

/**
 * A new cluster with a slot of its own; whatever goes wrong from here on gives it back. Slots whose API port somebody else
 * holds are passed over, unless the user chose the port.
 */
async function planned(options: UpOptions, { home }: CliEnvironment): Promise<ClusterConfig> {
  requireClusterName(options.name)
  requireEmpty(dataDirectoryOf(options, home))
  const owner = fileOf(home, options.name)
  const passed: number[] = []
  try {
    for (;;) {
      const slot = claimSlot(owner)
      const config = newConfig(withDefaults(options), home, slot)
      if (options.apiPort !== undefined || !(await isTaken('127.0.0.1', config.apiPort))) return config
      passed.push(slot)
    }
  } finally {
    for (const slot of passed) releaseSlot(slot, owner)
  }
}

function requireRoot(nodes: number, environment: CliEnvironment): void {
  if (nodes > 0 && environment.uid !== 0)
    throw new Failure(
      'starting a node needs root',
      'Run the command with sudo, or with --no-node for the API server, controllers and scheduler alone.',
    )
}

async function bringUp(config: ClusterConfig, options: UpOptions, environment: CliEnvironment): Promise<void> {
  const { progress, clock } = environment
  const paths = pathsOf(config)
  if (config.nodes.length > 0) await ensureHostPackages(progress)
  const isNew = loadConfig(environment.home, config.name) === undefined
  await requireFreeApiPort(config, isNew)
  // First of all, so that what is made from here on is known to `delete`, whatever happens to this process.
  saveConfig(environment.home, config)
  for (const directory of [config.dataDirectory, config.runDirectory, paths.logs]) makeDirectory(directory)
  if (config.nodes.length > 0)
    await progress.step('Setting up the network', async () => {
      if (isNew) await removeLeftPods(config)
      await setUpMachineNetwork(config)
    })
  await requireFreeNodePorts(config)
  await progress.step('Issuing certificates', () => ensureCredentials(config, clock))
  saveConfig(environment.home, config)
  writeFileAtomic(paths.description, JSON.stringify(config), 0o600)
  await startControlPlane(config, environment)
  await progress.step('Starting nodes', () =>
    Promise.all(
      config.nodes.map(node =>
        startNode(config, node, [...environment.self, 'node', '--config', paths.description, '--node', node.name]),
      ),
    ),
  )
  if (options.mergeKubeconfig) enterKubeconfig(config, options, environment)
}

/**
 * A cluster that is not ready in time stays, so that its logs can be read; one that was interrupted in the making goes, and one
 * whose disk is full, which has no logs to read.
 */
async function waitForCluster(
  config: ClusterConfig,
  isNew: boolean,
  options: UpOptions,
  environment: CliEnvironment,
): Promise<void> {
  try {
    await untilReady(config, options.timeout, environment)
  } catch (error) {
    if (isNew && (environment.signal.aborted || error instanceof DiskFull)) await removeCluster(config, environment)
    throw error
  }
}

async function startControlPlane(config: ClusterConfig, environment: CliEnvironment): Promise<void> {
  const running = findProcesses(markOf(config))
  if (mainProcess(running, `supervisor/${CONTROL_PLANE}`)) return
  const orphan = mainProcess(running, CONTROL_PLANE)
  if (orphan) process.kill(orphan.pid, 'SIGTERM')
  const paths = pathsOf(config)
  await startSupervised({
    cluster: markOf(config),
    component: CONTROL_PLANE,
    log: join(paths.logs, `${CONTROL_PLANE}.log`),
    command: [...environment.self, CONTROL_PLANE, '--config', paths.description],
  })
}

/** Says so now, instead of in a log, where somebody else holds the API server's port. */
function requireFreeApiPort(config: ClusterConfig, isNew: boolean): Promise<void> {
  const advice = isNew ? 'Choose another one with --api-port.' : STOP_IT
  return requireFree(config, [{ component: CONTROL_PLANE, address: '127.0.0.1', port: config.apiPort, advice }])
}

/** The same for what listens on the node's own address, which is there only once the network is set up. */
function requireFreeNodePorts(config: ClusterConfig): Promise<void> {
  const wanted = config.nodes
    .filter(node => node.place === 'host')
    .flatMap(node => {
      const component = nodeComponent(node.name, 'agent')
      return [
        { component: CONTROL_PLANE, address: node.address, port: config.apiPort, advice: STOP_IT },
        { component, address: node.address, port: node.kubeletPort, advice: STOP_IT },
        { component, address: node.address, port: config.dnsPort, advice: STOP_IT },
      ]
    })
  return requireFree(config, wanted)
}

const STOP_IT = 'Stop the program that holds it.'

async function requireFree(
  config: ClusterConfig,
  wanted: readonly { component: string; address: string; port: number; advice: string }[],
): Promise<void> {
  const running = findProcesses(markOf(config))
  for (const { component, address, port, advice } of wanted) {
    if (mainProcess(running, component) || mainProcess(running, `supervisor/${component}`)) continue
    if (await isTaken(address, port))
      throw new Failure(`port ${port} on ${address} is taken by another program`, advice)
  }
}

/**
 * Whether somebody listens there. Asked by taking the port for a moment, never by connecting: an address that is not ours yet
 * would be looked for outside this machine.
 */
function isTaken(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', error => {
      const code = 'code' in error ? error.code : ''
      if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL') resolve(code === 'EADDRINUSE')
      else reject(error)
    })
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)))
  })
}

/** The file that kubectl reads: the flag's, else the first of $KUBECONFIG, else ~/.kube/config. */
export function kubeconfigPath(given: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  return given ?? env.KUBECONFIG?.split(':').find(path => path !== '') ?? join(env.HOME ?? homedir(), '.kube/config')
}

function enterKubeconfig(config: ClusterConfig, options: UpOptions, environment: CliEnvironment): void {
  const path = kubeconfigPath(options.kubeconfig ?? config.kubeconfig, environment.env)
  const user = readKubeconfigUser(pathsOf(config).adminKubeconfig)
  const before = { ...config }
  // Before the entry is made, so that `delete` finds it, whatever happens to this process.
  saveConfig(environment.home, Object.assign(config, { kubeconfig: path, kubeconfigMerged: true }))
  try {
    mergeKubeconfig(path, { ...user, name: config.name, makeCurrent: true })
  } catch (error) {
    saveConfig(environment.home, Object.assign(config, before))
    throw new Failure(
      `the cluster cannot be entered into ${path}: ${error instanceof Error ? error.message : error}`,
      'Name another file with --kubeconfig, or leave it out with --no-merge-kubeconfig.',
    )
  }
}

function report(config: ClusterConfig, options: UpOptions, environment: CliEnvironment, elapsed: number): void {
  const { progress } = environment
  const seconds = (elapsed / 1000).toFixed(1)
  const nodes = config.nodes.length === 1 ? '1 node' : `${config.nodes.length} nodes`
  if (!options.wait) progress.say(`  Cluster "${config.name}" is starting: ${nodes}, Kubernetes 1.36.`)
  else if (config.nodes.length === 0)
    progress.say(`  Cluster "${config.name}" is ready in ${seconds} s: no nodes, Kubernetes 1.36.`)
  else progress.say(`  Cluster "${config.name}" is ready in ${seconds} s: ${nodes}, Kubernetes 1.36, DNS answering.`)
  if (config.kubeconfigMerged) progress.say(`  kubectl is set to the context "${config.name}". Try:`)
  else progress.say(`  export KUBECONFIG=${pathsOf(config).adminKubeconfig}`)
  if (config.nodes.length > 0 && config.kubeconfigMerged)
    progress.say(
      '    kubectl create deployment hello --image=canopus/hello && kubectl expose deployment hello --port=80',
    )
  else if (config.kubeconfigMerged) progress.say('    kubectl get namespaces')
}
