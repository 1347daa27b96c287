import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readTextIfPresent, removeAbandoned, writeFileAtomic } from '@canopus/platform'
import { dump, load } from 'js-yaml'

/** How to reach an API server and as whom; PEM text throughout. */
export interface KubeconfigUser {
  server: string
  ca?: string
  cert?: string
  key?: string
  token?: string
  /** A file whose content is the token of the moment (mounted service-account tokens rotate). */
  tokenFile?: string
  namespace?: string
  /** The name that the server's certificate must have, where it is not the one in the URL. */
  serverName?: string
  /** The server's certificate is not verified (`insecure-skip-tls-verify`). */
  insecure?: boolean
}

interface Named {
  name: string
  [field: string]: unknown
}

/** The parts of a kubeconfig that we touch; everything else in the file is kept as it is. */
interface Kubeconfig {
  apiVersion?: string
  kind?: string
  'current-context'?: string
  clusters?: Named[] | null
  contexts?: Named[] | null
  users?: Named[] | null
  [field: string]: unknown
}

export interface KubeconfigEntry extends KubeconfigUser {
  /** Of the cluster, the user and the context. */
  name: string
  makeCurrent?: boolean
}

/** Enters a cluster with its user and context into a kubeconfig, replacing entries of that name. The file is made where it is missing. */
export function mergeKubeconfig(path: string, entry: KubeconfigEntry): void {
  const config = readKubeconfig(path) ?? { apiVersion: 'v1', kind: 'Config', preferences: {} }
  const { name } = entry
  config.clusters = replace(config.clusters, {
    name,
    cluster: {
      server: entry.server,
      ...(entry.ca === undefined ? {} : { 'certificate-authority-data': base64(entry.ca) }),
    },
  })
  config.users = replace(config.users, { name, user: credentials(entry) })
  config.contexts = replace(config.contexts, {
    name,
    context: { cluster: name, user: name, ...(entry.namespace === undefined ? {} : { namespace: entry.namespace }) },
  })
  if (entry.makeCurrent) config['current-context'] = name
  write(path, config)
}

/** Takes a cluster's entries out of a kubeconfig. The current context is unset where it was this one. */
export function removeFromKubeconfig(path: string, name: string): void {
  removeAbandoned(path)
  const config = readKubeconfig(path)
  if (!config) return
  for (const list of ['clusters', 'contexts', 'users'] as const)
    config[list] = (config[list] ?? []).filter(each => each.name !== name)
  if (config['current-context'] === name) config['current-context'] = ''
  write(path, config)
}

/** The server and credentials of a context (the current one where none is named). Throws where the file does not have them. */
export function readKubeconfigUser(path: string, context?: string): KubeconfigUser {
  const config = readKubeconfig(path)
  if (!config) throw new Error(`there is no kubeconfig at ${path}`)
  const wanted = context ?? config['current-context']
  const chosen = find(config.contexts, wanted)?.context as
    | { cluster?: string; user?: string; namespace?: string }
    | undefined
  const cluster = find(config.clusters, chosen?.cluster)?.cluster as Record<string, string> | undefined
  const insecure = (cluster as Record<string, unknown> | undefined)?.['insecure-skip-tls-verify'] === true
  const user = (find(config.users, chosen?.user)?.user ?? {}) as Record<string, string>
  if (cluster?.server === undefined)
    throw new Error(`${path}: context "${wanted ?? ''}" names no cluster with a server`)
  const directory = dirname(path)
  const values = {
    ca: material(cluster, 'certificate-authority', directory),
    cert: material(user, 'client-certificate', directory),
    key: material(user, 'client-key', directory),
    token: user.token,
    tokenFile: user.tokenFile,
    namespace: chosen?.namespace,
    serverName: cluster['tls-server-name'],
    insecure: insecure ? true : undefined,
  }
  return {
    server: cluster.server,
    ...Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
  }
}

function readKubeconfig(path: string): Kubeconfig | undefined {
  const text = readTextIfPresent(path)
  if (text === undefined || text.trim() === '') return undefined
  const config = parsed(path, text)
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new Error(`${path} is no kubeconfig: it is not a YAML map`)
  return config as Kubeconfig
}

function parsed(path: string, text: string): unknown {
  try {
    return load(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new Error(`${path} is no kubeconfig: ${reason}`)
  }
}

function write(path: string, config: Kubeconfig): void {
  writeFileAtomic(path, dump(config), 0o600)
}

const find = (list: Named[] | null | undefined, name: string | undefined): Named | undefined =>
  list?.find(each => each.name === name)
const replace = (list: Named[] | null | undefined, entry: Named): Named[] => [
  ...(list ?? []).filter(each => each.name !== entry.name),
  entry,
]
const base64 = (text: string): string => Buffer.from(text).toString('base64')

function credentials(user: KubeconfigUser): Record<string, string> {
  return {
    ...(user.cert === undefined ? {} : { 'client-certificate-data': base64(user.cert) }),
    ...(user.key === undefined ? {} : { 'client-key-data': base64(user.key) }),
    ...(user.token === undefined ? {} : { token: user.token }),
    ...(user.tokenFile === undefined ? {} : { tokenFile: user.tokenFile }),
  }
}

/** `<name>-data` (base64), or the file that `<name>` leads to, relative to the kubeconfig. */
function material(values: Record<string, string>, name: string, directory: string): string | undefined {
  const data = values[`${name}-data`]
  if (data !== undefined) return Buffer.from(data, 'base64').toString()
  const file = values[name]
  return file === undefined ? undefined : readFileSync(resolve(directory, file), 'utf8')
}
