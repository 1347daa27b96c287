import { readFileSync } from 'node:fs'
import { type ClusterConfig, listConfigs, loadConfig, pathsOf } from '../cluster/config.ts'
import { nodeComponent } from '../cluster/node-environment.ts'
import { type ClusterProcess, findProcesses, mainProcess, markOf } from '../cluster/processes.ts'
import type { CliEnvironment } from '../environment.ts'
import { Failure } from '../failure.ts'
import { CONTROL_PLANE } from './up.ts'

export interface ComponentStatus {
  component: string
  state: 'running' | 'stopped' | 'restarting'
  pid?: number
  /** Resident memory in bytes. */
  memory?: number
  address?: string
  data: string
}

export interface ClusterStatus {
  name: string
  state: 'running' | 'stopped' | 'degraded'
  apiServer: string
  kubeconfig?: string
  dataDirectory: string
  components: ComponentStatus[]
}

/** What runs of a cluster: the parts, their processes, addresses and data. */
export function clusterStatus(config: ClusterConfig): ClusterStatus {
  const processes = findProcesses(markOf(config))
  const paths = pathsOf(config)
  const components = [
    describe(processes, CONTROL_PLANE, paths.store, `https://${config.apiAddresses[0]}:${config.apiPort}`),
    ...config.nodes.flatMap(node => {
      const own = paths.node(node.name)
      return [
        describe(
          processes,
          nodeComponent(node.name, 'containerd'),
          own.containerdRoot,
          `unix://${own.containerdSocket}`,
        ),
        describe(
          processes,
          nodeComponent(node.name, 'agent'),
          own.kubelet,
          `https://${node.address}:${node.kubeletPort}`,
        ),
      ]
    }),
  ]
  const running = components.filter(each => each.state === 'running').length
  return {
    name: config.name,
    state: running === components.length ? 'running' : running === 0 && processes.length === 0 ? 'stopped' : 'degraded',
    apiServer: components[0]!.address!,
    ...(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }),
    dataDirectory: config.dataDirectory,
    components,
  }
}

function describe(
  processes: readonly ClusterProcess[],
  component: string,
  data: string,
  address: string,
): ComponentStatus {
  const main = mainProcess(processes, component)
  const supervised = mainProcess(processes, `supervisor/${component}`) !== undefined
  if (!main) return { component, state: supervised ? 'restarting' : 'stopped', data }
  return { component, state: 'running', pid: main.pid, memory: residentMemory(main.pid), address, data }
}

function residentMemory(pid: number): number {
  try {
    const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]
    return Number(pages) * 4096
  } catch {
    return 0
  }
}

/** Prints the state of one cluster, or of all. Returns the exit status: 0 where everything runs, 1 otherwise. */
export function status(options: { name?: string; output: 'text' | 'json' }, environment: CliEnvironment): number {
  const configs =
    options.name === undefined ? listConfigs(environment.home) : [requireConfig(options.name, environment)]
  const found = configs.map(clusterStatus)
  if (options.output === 'json')
    environment.stdout.write(`${JSON.stringify(options.name === undefined ? found : found[0], null, 2)}\n`)
  else if (found.length === 0)
    environment.stdout.write('There is no cluster on this machine. `canopus up` makes one.\n')
  else for (const each of found) environment.stdout.write(text(each))
  return found.every(each => each.state === 'running') ? 0 : 1
}

function requireConfig(name: string, environment: CliEnvironment): ClusterConfig {
  const config = loadConfig(environment.home, name)
  if (!config) throw new Failure(`there is no cluster "${name}"`, 'Make one with `canopus up`.')
  return config
}

function text(cluster: ClusterStatus): string {
  const rows = [
    ['COMPONENT', 'STATE', 'PID', 'MEMORY', 'ADDRESS'],
    ...cluster.components.map(each => [
      each.component,
      each.state,
      String(each.pid ?? '-'),
      each.memory === undefined ? '-' : `${Math.round(each.memory / 1e6)} MB`,
      each.address ?? '-',
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  const lines = rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('   ')
      .trimEnd(),
  )
  return [`${cluster.name}: ${cluster.state}   data: ${cluster.dataDirectory}`, ...lines, '']
    .map(line => `${line}\n`)
    .join('')
}
