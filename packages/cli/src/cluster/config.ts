import { readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { addressAt } from '@canopus/network'
import { isMissing, namesIn, removeAbandoned, writeFileAtomic } from '@canopus/platform'
import { Failure } from '../failure.ts'

/** How many clusters one machine can have: addresses and ports are planned for so many. */
export const MOST_SLOTS = 16

/** Version of the cluster's description on disk; a newer one is refused. */
export const CONFIG_VERSION = 1

export interface NodeConfig {
  name: string
  /** `host`: this machine itself. `namespace`: a node of its own in namespaces of this machine. */
  place: 'host' | 'namespace'
  address: string
  kubeletPort: number
}

export interface StoreConfig {
  kind: 'embedded' | 'memory' | 'etcd'
  servers?: string[]
  caFile?: string
  certFile?: string
  keyFile?: string
  /** With what keys in etcd begin. */
  prefix?: string
}

/** Everything that describes a cluster on this machine; kept so that `stop` and `up` bring the same one back. */
export interface ClusterConfig {
  version: number
  name: string
  /** Clusters side by side differ in their slot: addresses and ports follow from it. */
  slot: number
  dataDirectory: string
  runDirectory: string
  apiPort: number
  /** Addresses on which the API server listens; the first one is what kubeconfig names. */
  apiAddresses: string[]
  bridge: string
  nodeCidr: string
  clusterCidr: string
  serviceCidr: string
  domain: string
  dnsAddress: string
  dnsPort: number
  nodes: NodeConfig[]
  store: StoreConfig
  /** Registries and where pulls for them go instead; `*` stands for all others. */
  mirrors: { registry: string; url: string }[]
  egress: 'masquerade' | 'none'
  /** Whether claims that name no class get directories of nodes; yes where nothing is said. */
  storageClass?: boolean
  /** Flags of kube-apiserver, without their dashes. */
  apiserverArgs?: string[]
  kubeconfig?: string
  /** Whether `up` entered the cluster into the kubeconfig. */
  kubeconfigMerged: boolean
}

export interface Home {
  /** `/var/lib/canopus` for root, else below the user's home. */
  root: string
  run: string
}

/** Where clusters of this user live. */
export function homeOf(env: Readonly<Record<string, string | undefined>>, uid: number): Home {
  const base = env.CANOPUS_HOME
  if (base) return { root: base, run: join(base, 'run') }
  if (uid === 0) return { root: '/var/lib/canopus', run: '/run/canopus' }
  const data = env.XDG_DATA_HOME ?? join(homedir(), '.local/share')
  return { root: join(data, 'canopus'), run: join(env.XDG_RUNTIME_DIR ?? join(data, 'canopus'), 'canopus') }
}

const indexOf = (home: Home): string => join(home.root, 'index')
/** Where the description of a cluster is. */
export const fileOf = (home: Home, name: string): string => join(indexOf(home), `${name}.json`)

/** The cluster's description, or `undefined` where there is none of that name. Throws `Failure` for one that cannot be read. */
export function loadConfig(home: Home, name: string): ClusterConfig | undefined {
  let text: string
  try {
    text = readFileSync(fileOf(home, name), 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  const config = parse(text, fileOf(home, name))
  if (config.version > CONFIG_VERSION)
    throw new Failure(
      `cluster "${name}" was made by a newer Canopus (description version ${config.version}, this one reads up to ${CONFIG_VERSION})`,
      'Use the newer Canopus, or `canopus delete` there first.',
    )
  return config
}

function parse(text: string, path: string): ClusterConfig {
  try {
    const config = JSON.parse(text) as ClusterConfig
    if (isDescription(config)) return config
  } catch {
    // not JSON
  }
  throw new Failure(
    `${path} is damaged: it is no description of a cluster`,
    'Restore it, or remove it and its data directory to start anew.',
  )
}

/** The fields without which nothing can be done, not even say that it is too new. */
function isDescription(config: Partial<ClusterConfig> | null): boolean {
  if (typeof config?.version !== 'number') return false
  if (config.version > CONFIG_VERSION) return true
  const { name, slot, dataDirectory, runDirectory, nodes, apiAddresses } = config
  const texts = [name, dataDirectory, runDirectory].every(text => typeof text === 'string' && text !== '')
  return texts && Number.isInteger(slot) && Array.isArray(nodes) && Array.isArray(apiAddresses)
}

export function saveConfig(home: Home, config: ClusterConfig): void {
  writeFileAtomic(fileOf(home, config.name), `${JSON.stringify(config, null, 2)}\n`, 0o600)
}

export function removeConfig(home: Home, name: string): void {
  rmSync(fileOf(home, name), { force: true })
  removeAbandoned(fileOf(home, name))
}

/** All clusters of this user, by name. */
export function listConfigs(home: Home): ClusterConfig[] {
  return namesIn(indexOf(home))
    .filter(file => file.endsWith('.json'))
    .sort()
    .flatMap(file => loadConfig(home, file.slice(0, -'.json'.length)) ?? [])
}

/** What `up` was asked for; only what differs from the defaults. */
export interface NewCluster {
  name: string
  dataDirectory?: string
  nodes: number
  store: StoreConfig
  mirrors: ClusterConfig['mirrors']
  egress: ClusterConfig['egress']
  storageClass?: boolean
  apiserverArgs?: string[]
  apiPort?: number
  kubeconfig?: string
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?$/

/** Throws `Failure` for what cannot be a cluster's name: it becomes part of file, interface and table names. */
export function requireClusterName(name: string): void {
  if (!NAME.test(name))
    throw new Failure(`"${name}" is no name for a cluster: use up to 30 lower-case letters, digits and "-"`)
}

/** Plans a new cluster: its slot (see slots.ts) decides its addresses and ports. */
export function newConfig(wanted: NewCluster, home: Home, slot: number): ClusterConfig {
  const nodeCidr = nodeCidrOf(slot)
  const serviceCidr = `10.${96 + slot}.0.0/16`
  const gateway = addressAt(nodeCidr, 1)
  return {
    version: CONFIG_VERSION,
    name: wanted.name,
    slot,
    dataDirectory: dataDirectoryOf(wanted, home),
    runDirectory: join(home.run, wanted.name),
    apiPort: wanted.apiPort ?? 6443 + slot,
    apiAddresses: wanted.nodes > 0 ? ['127.0.0.1', gateway] : ['127.0.0.1'],
    bridge: `canopus${slot}`,
    nodeCidr,
    clusterCidr: `10.${244 - slot}.0.0/16`,
    serviceCidr,
    domain: 'cluster.local',
    dnsAddress: addressAt(serviceCidr, 10),
    dnsPort: 10053 + slot,
    nodes: Array.from({ length: wanted.nodes }, (_, index) => nodeConfig(wanted.name, nodeCidr, slot, index)),
    store: wanted.store,
    mirrors: wanted.mirrors,
    egress: wanted.egress,
    ...(wanted.kubeconfig === undefined ? {} : { kubeconfig: wanted.kubeconfig }),
    ...(wanted.storageClass === undefined ? {} : { storageClass: wanted.storageClass }),
    ...(wanted.apiserverArgs === undefined ? {} : { apiserverArgs: wanted.apiserverArgs }),
    kubeconfigMerged: false,
  }
}

const nodeCidrOf = (slot: number): string => `172.30.${slot}.0/24`

/** Addresses of the nodes that other clusters on this machine have, or would have. */
export function foreignNodeRanges(config: Pick<ClusterConfig, 'slot'>): string[] {
  const slots = Array.from({ length: MOST_SLOTS }, (_, slot) => slot)
  return slots.filter(slot => slot !== config.slot).map(nodeCidrOf)
}

/** Where a new cluster keeps its data. */
export const dataDirectoryOf = (wanted: Pick<NewCluster, 'name' | 'dataDirectory'>, home: Home): string =>
  wanted.dataDirectory ?? join(home.root, 'clusters', wanted.name)

function nodeConfig(cluster: string, nodeCidr: string, slot: number, index: number): NodeConfig {
  const first = index === 0
  return {
    name: first ? cluster : `${cluster}-${index + 1}`,
    place: first ? 'host' : 'namespace',
    address: addressAt(nodeCidr, index + 1),
    kubeletPort: first ? 10250 + 10 * slot : 10250,
  }
}

/** Directories and files of a cluster; the same names everywhere. */
export function pathsOf(config: Pick<ClusterConfig, 'dataDirectory' | 'runDirectory'>): ClusterPaths {
  const { dataDirectory: data, runDirectory: run } = config
  return {
    pki: join(data, 'pki'),
    store: join(data, 'store'),
    logs: join(data, 'logs'),
    adminKubeconfig: join(data, 'admin.kubeconfig'),
    description: join(run, 'cluster.json'),
    processes: join(run, 'processes'),
    namespaces: join(run, 'ns'),
    node: name => nodePaths(join(data, 'nodes', name), join(run, 'nodes', name)),
  }
}

export interface ClusterPaths {
  pki: string
  store: string
  logs: string
  adminKubeconfig: string
  /** A copy of the description for the components, readable by them alone. */
  description: string
  /** One file per process: its id and start time. */
  processes: string
  namespaces: string
  node(name: string): NodePaths
}

/** As whom the parts of a node work. */
export type NodeUser = 'kubelet' | 'proxy' | 'dns' | 'volumes'

export interface NodePaths {
  kubelet: string
  podLogs: string
  containerdRoot: string
  containerdState: string
  containerdSocket: string
  containerdConfig: string
  certsDirectory: string
  cniDirectory: string
  ipamDirectory: string
  /** Directories that are persistent volumes. */
  volumes: string
  kubeconfig(user: NodeUser): string
  serving: { certificate: string; key: string }
}

function nodePaths(data: string, run: string): NodePaths {
  return {
    kubelet: join(data, 'kubelet'),
    podLogs: join(data, 'pod-logs'),
    containerdRoot: join(data, 'containerd'),
    containerdState: join(run, 'containerd'),
    containerdSocket: join(run, 'containerd.sock'),
    containerdConfig: join(run, 'containerd.toml'),
    certsDirectory: join(run, 'certs.d'),
    cniDirectory: join(run, 'cni'),
    ipamDirectory: join(run, 'ipam'),
    volumes: join(data, 'volumes'),
    kubeconfig: user => join(data, `${user}.kubeconfig`),
    serving: { certificate: join(data, 'kubelet.crt'), key: join(data, 'kubelet.key') },
  }
}
