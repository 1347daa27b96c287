import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiServer, parseFeatureGates, parseRuntimeConfig, type WebhookCaller } from '@canopus/apiserver'
import { type Clock, type Logger, type Random, silentLogger } from '@canopus/base'
import { type Client, createClient, createInformerFactory, withoutManagedFields } from '@canopus/client'
import { type ControlPlaneOptions, startControlPlane } from '@canopus/control-plane'
import { mergeKubeconfig } from '@canopus/host'
import { type ClusterPki, createClusterPki, issueClientCertificate, systemClock, systemRandom } from '@canopus/platform'
import type { SchedulerOptions } from '@canopus/scheduler'
import { createMemoryStore, type Store } from '@canopus/store'
import { ImpliedHeartbeats } from './implied-heartbeats.ts'
import { SimulatedNodes, type SimulatedNodesOptions } from './simulated-nodes.ts'
import { SimulatedUsage } from './simulated-usage.ts'

export interface StartClusterOptions {
  /** How many simulated nodes there are; their pods become Ready without a container. Default 0. */
  nodes?: number
  /** How the simulated nodes behave. */
  simulation?: Partial<SimulatedNodesOptions>
  /** `implied`: simulated nodes do not write the renewals that tell nothing (`ImpliedHeartbeats`). Default `written`. */
  heartbeats?: 'written' | 'implied'
  /** Default: the machine's clock. */
  clock?: Clock
  random?: Random
  logger?: Logger
  /** Default: a store in memory. The cluster closes it. */
  store?: Store
  /** Serve HTTPS on a loopback port of its own, for kubectl and other programs. Default true. */
  listen?: boolean
  /** Features to turn on or off, by name, as `--feature-gates`. */
  featureGates?: Readonly<Record<string, boolean>>
  /** Versions of the API to serve or not, such as `storagemigration.k8s.io/v1beta1`, as `--runtime-config`. */
  runtimeConfig?: Readonly<Record<string, boolean>>
  /** Where load balancers are had from; nowhere where missing. */
  cloud?: ControlPlaneOptions['cloud']
  /** Answers for webhooks, without a network; they are called over HTTPS where missing. */
  webhooks?: WebhookCaller
  /** Profiles of the scheduler, and plugins of your own. */
  scheduler?: SchedulerOptions
}

export interface TestCluster {
  /** As the administrator, by calls inside the process. */
  readonly client: Client
  readonly server: ApiServer
  /** Path of a kubeconfig for the administrator; empty where the cluster does not listen. */
  readonly kubeconfig: string
  /** `https://127.0.0.1:PORT`; empty where the cluster does not listen. */
  readonly url: string
  readonly pki: ClusterPki
  /** Ends everything and removes what was written. */
  stop(): Promise<void>
}

const ADMINISTRATOR = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }
const SERVICE_CIDR = '10.96.0.0/16'
const SERVICE_ADDRESS = '10.96.0.1'
/** Room for the ranges of 32,768 nodes. */
const CLUSTER_CIDR = '10.128.0.0/9'

/**
 * A whole cluster inside this process: API server, controllers and scheduler on a store in memory, and simulated nodes where
 * asked for. Resolves when the first object can be created.
 */
export async function startCluster(options: StartClusterOptions = {}): Promise<TestCluster> {
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options
  const store = options.store ?? createMemoryStore({ clock })
  const pki = await createClusterPki({ clusterName: 'test', addresses: ['127.0.0.1'], clock })
  const stopping = new AbortController()
  const implied = options.heartbeats === 'implied' ? new ImpliedHeartbeats() : undefined
  let simulated: Simulated | undefined
  const { server, finished } = await startControlPlane(
    {
      store,
      clock,
      random,
      logger,
      pki,
      serviceCidr: SERVICE_CIDR,
      clusterCidr: CLUSTER_CIDR,
      ...(options.listen === false ? {} : { advertise: { port: 6443, serviceAddress: SERVICE_ADDRESS } }),
      apiServer: {
        featureGates: parseFeatureGates(words(options.featureGates)),
        runtimeConfig: parseRuntimeConfig(words(options.runtimeConfig)),
        nodeMetrics: ({ metadata }, now) => simulated?.usage.scrape(metadata.name, now),
      },
      ...(options.webhooks ? { webhooks: options.webhooks } : {}),
      ...(options.cloud ? { cloud: options.cloud } : {}),
      ...(implied ? { nodeLifecycle: { heartbeats: implied } } : {}),
      ...(options.scheduler ? { scheduler: options.scheduler } : {}),
    },
    stopping.signal,
  )
  const client = createClient(server.transport(ADMINISTRATOR))
  const nodeClient = createClient(server.transport(ADMINISTRATOR), { shared: true })
  if (options.nodes)
    simulated = simulate(options, { client: nodeClient, clock, random, logger, implied }, stopping.signal)
  const served = options.listen === false ? undefined : await serve(server, pki, clock)
  return {
    client,
    server,
    kubeconfig: served?.kubeconfig ?? '',
    url: served?.url ?? '',
    pki,
    async stop() {
      stopping.abort(new Error('the cluster is being stopped'))
      await Promise.all([finished, simulated?.running])
      await store.close()
      if (served) removeDirectory(served.directory)
    },
  }
}

const words = (settings: Readonly<Record<string, boolean>> = {}): string[] =>
  Object.entries(settings).map(([name, value]) => `${name}=${value}`)

interface Context {
  client: Client
  clock: Clock
  random: Random
  logger: Logger
  implied: ImpliedHeartbeats | undefined
}

interface Simulated {
  readonly usage: SimulatedUsage
  readonly running: Promise<void>
}

function simulate(options: StartClusterOptions, { implied, ...context }: Context, signal: AbortSignal): Simulated {
  const informers = createInformerFactory({ ...context, transform: withoutManagedFields })
  const count = { count: options.nodes ?? 0, ...(implied ? { implied } : {}), ...options.simulation }
  const nodes = new SimulatedNodes({ ...context, informers, ...count })
  const usage = new SimulatedUsage({ informers, isUp: name => nodes.isUp(name) })
  const running = nodes.run(signal)
  informers.start(signal)
  return { usage, running }
}

async function serve(
  server: ApiServer,
  pki: ClusterPki,
  clock: Clock,
): Promise<{ url: string; kubeconfig: string; directory: string }> {
  const tls = { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate }
  const [listener, user] = await Promise.all([
    server.listen({ address: '127.0.0.1', port: 0, tls }),
    issueClientCertificate(pki.ca, { commonName: ADMINISTRATOR.name, organizations: ['system:masters'], clock }),
  ])
  const directory = makeDirectory()
  const kubeconfig = join(directory, 'kubeconfig')
  const url = `https://127.0.0.1:${listener.port}`
  mergeKubeconfig(kubeconfig, {
    name: 'canopus-test',
    server: url,
    ca: pki.ca.certificate,
    cert: user.certificate,
    key: user.key,
    makeCurrent: true,
  })
  return { url, kubeconfig, directory }
}

const directories = new Set<string>()

/** A directory that goes when the process ends, also where an error ended it before `stop()`. */
function makeDirectory(): string {
  if (directories.size === 0) process.once('exit', removeDirectories)
  const directory = mkdtempSync(join(tmpdir(), 'canopus-cluster-'))
  directories.add(directory)
  return directory
}

function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true })
  directories.delete(directory)
  if (directories.size === 0) process.off('exit', removeDirectories)
}

function removeDirectories(): void {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
}
