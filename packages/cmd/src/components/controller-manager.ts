import { join } from 'node:path'
import type { FlagValues } from '@canopus/apiserver'
import type { Logger } from '@canopus/base'
import type { CliEnvironment } from '@canopus/cli'
import { type Client, createClient, rateLimitedTransport } from '@canopus/client'
import { type ControllerManagerOptions, createControllerManager } from '@canopus/control-plane'
import { controllerNames, isControllerName, withPresentName } from '@canopus/controllers'
import { createClusterDnsController } from '@canopus/dns'
import { LogVerbosity, systemClock } from '@canopus/platform'
import { type Command, InvalidArgumentError } from 'commander'
import { bool, duration, fileOf, given, list, number, rate, required } from '../flags.ts'
import { accessByKubeconfig, controllerContext } from './access.ts'
import { apiContentType } from './api-flags.ts'
import {
  addFlagsWithoutEffect,
  addLeaderFlags,
  addLogFlags,
  addVersionFlag,
  componentLogger,
  type LeaderFlags,
  LOG_WITHOUT_EFFECT,
  type LogFlags,
  reportFlagsWithoutEffect,
  runElected,
} from './common-flags.ts'
import { addControllerFlags, type ControllerFlags, controllerOptions } from './controller-flags.ts'
import { addFeatureGateFlag, type FeatureGateFlags, featureGatesOf } from './feature-flags.ts'
import { flagValues } from './flag-values.ts'
import { addMetricsFlags, type MetricsFlags, metricsRegistryOf } from './metrics-flags.ts'
import { addProfilingFlag, type ProfilingFlags, startProfiling } from './profiling-flags.ts'
import {
  addSecureServingFlags,
  SERVING_WITHOUT_EFFECT,
  type SecureServingFlags,
  serveSecurely,
} from './secure-serving.ts'
import { createServiceAccountClients, type ServiceAccountClients } from './service-account-clients.ts'

interface ControllerManagerFlags
  extends LogFlags,
    LeaderFlags,
    FeatureGateFlags,
    MetricsFlags,
    ProfilingFlags,
    SecureServingFlags,
    ControllerFlags {
  enableGarbageCollector: boolean
  kubeconfig?: string
  controllers: string[]
  rootCaFile?: string
  serviceAccountPrivateKeyFile?: string
  nodeMonitorGracePeriod?: number
  nodeMonitorPeriod?: number
  nodeStartupGracePeriod?: number
  nodeEvictionRate?: number
  secondaryNodeEvictionRate?: number
  largeClusterSizeThreshold?: number
  unhealthyZoneThreshold?: number
  terminatedPodGcThreshold?: number
  disableForceDetachOnTimeout: boolean
  horizontalPodAutoscalerSyncPeriod?: number
  horizontalPodAutoscalerDownscaleStabilization?: number
  horizontalPodAutoscalerCpuInitializationPeriod?: number
  horizontalPodAutoscalerInitialReadinessDelay?: number
  horizontalPodAutoscalerTolerance?: number
  useServiceAccountCredentials: boolean
  kubeApiQps?: number
  kubeApiBurst?: number
  clusterDns?: string
  clusterDnsPort: number
}

const WITHOUT_EFFECT = [
  ...SERVING_WITHOUT_EFFECT,
  ...LOG_WITHOUT_EFFECT,
  'allow-untagged-cloud',
  'attach-detach-reconcile-sync-period',
  'cidr-allocator-type',
  'cloud-config',
  'cloud-provider',
  'cluster-name',
  'concurrent-service-syncs',
  'configure-cloud-routes',
  'contention-profiling',
  'controller-shutdown-timeout',
  'controller-start-interval',
  'disable-attach-detach-reconcile-sync',
  'enable-dynamic-provisioning',
  'enable-hostpath-provisioner',
  'enable-leader-migration',
  'external-cloud-volume-plugin',
  'flex-volume-plugin-dir',
  'leader-migration-config',
  'min-resync-period',
  'namespace-sync-period',
  'node-sync-period',
  'pv-recycler-increment-timeout-nfs',
  'pv-recycler-minimum-timeout-hostpath',
  'pv-recycler-minimum-timeout-nfs',
  'pv-recycler-pod-template-filepath-hostpath',
  'pv-recycler-pod-template-filepath-nfs',
  'pv-recycler-timeout-increment-hostpath',
  'pvclaimbinder-sync-period',
  'route-reconciliation-period',
  'service-cluster-ip-range',
]

const USER_AGENT = 'kube-controller-manager'
const QPS = 20
const BURST = 30

/** `canopus controller-manager`: the controllers alone, with kube-controller-manager's flags. */
export function addControllerManager(program: Command, environment: CliEnvironment): Command {
  const command = program
    .command('controller-manager')
    .description('run the controllers alone')
    .option('--kubeconfig <file>', 'how to reach the API server')
    .option('--kube-api-content-type <type>', 'as what requests are sent: application/json', apiContentType)
    .option('--kube-api-qps <rate>', 'requests of each controller a second (default: no limit)', rate)
    .option('--kube-api-burst <count>', 'so many more after a time of rest', number(0, 2_147_483_647))
    .option(
      '--controllers <names>',
      '`*` for all that run by default, `name` for one, `-name` for all but one',
      controllers,
      ['*'],
    )
    .option('--root-ca-file <file>', 'authority of the API server, published in every namespace')
    .option('--service-account-private-key-file <file>', 'key that signs tokens in secrets')
    .option('--cluster-signing-cert-file <file>', 'authority that signs certificates for nodes')
    .option('--cluster-signing-key-file <file>', 'its key')
    .option('--cluster-signing-duration <duration>', 'how long signed certificates live', duration)
    .option('--allocate-node-cidrs [bool]', 'give every node a range of pod addresses', bool, false)
    .option('--cluster-cidr <cidrs>', 'addresses of pods', list)
    .option('--node-cidr-mask-size <bits>', "prefix length of a node's range", number(1, 128))
    .option('--node-monitor-grace-period <duration>', 'how long a node may be silent', duration)
    .option('--node-monitor-period <duration>', 'how often nodes are looked at', duration)
    .option('--node-startup-grace-period <duration>', 'how long a node that never reported may be silent', duration)
    .option('--node-eviction-rate <rate>', 'failed nodes of a zone that are evicted in a second', share)
    .option('--secondary-node-eviction-rate <rate>', 'the same in a large zone of which too much has failed', share)
    .option('--large-cluster-size-threshold <count>', 'zones with more nodes are large', number(0, 2_147_483_647))
    .option('--unhealthy-zone-threshold <share>', 'of nodes that fail, from which on it is too much', share)
    .option('--terminated-pod-gc-threshold <count>', 'how many finished pods may stay', number(0, 1_000_000))
    .option(
      '--disable-force-detach-on-timeout [bool]',
      'take no volume from a failed node that has not let it go in six minutes',
      bool,
      false,
    )
    .option('--horizontal-pod-autoscaler-sync-period <duration>', 'how often autoscalers are looked at', duration)
    .option(
      '--horizontal-pod-autoscaler-downscale-stabilization <duration>',
      'how long fewer replicas must be enough',
      duration,
    )
    .option(
      '--horizontal-pod-autoscaler-cpu-initialization-period <duration>',
      'how long CPU of pods that are not ready is left out',
      duration,
    )
    .option(
      '--horizontal-pod-autoscaler-initial-readiness-delay <duration>',
      'within which a pod that is not ready has never been',
      duration,
    )
    .option('--horizontal-pod-autoscaler-tolerance <share>', 'by how much figures may be off', share)
    .option('--enable-garbage-collector [bool]', 'delete what has lost its owners', bool, true)
    .option('--use-service-account-credentials [bool]', 'each controller works as its own service account', bool, false)
    .option('--cluster-dns <address>', 'keep the service kube-dns at this address, for `canopus dns` on every node')
    .option('--cluster-dns-port <port>', "port of the nodes' DNS", number(1, 65_535), 10053)
  addControllerFlags(command)
  addSecureServingFlags(command, 10_257, join(environment.home.root, 'controller-manager'))
  addProfilingFlag(command)
  addFeatureGateFlag(command)
  addMetricsFlags(command)
  addLeaderFlags(command, 'kube-controller-manager')
  addFlagsWithoutEffect(command, WITHOUT_EFFECT)
  addVersionFlag(command)
  addLogFlags(command)
  return command.action((flags: ControllerManagerFlags) => {
    const verbosity = new LogVerbosity(flags.v)
    const logger = componentLogger(flags, 'controller-manager', verbosity)
    reportFlagsWithoutEffect(command, WITHOUT_EFFECT, logger)
    return runControllerManager(flags, flagValues(command), { logger, verbosity }, environment.signal)
  })
}

function controllers(text: string): string[] {
  return list(text).map(word => {
    const known = withPresentName(word)
    const name = known.replace(/^-/, '')
    if (name !== '*' && !isControllerName(name))
      throw new InvalidArgumentError(
        `"${name}" is not in the list of known controllers: ${controllerNames.join(', ')}.`,
      )
    return known
  })
}

async function runControllerManager(
  flags: ControllerManagerFlags,
  values: FlagValues,
  { logger, verbosity }: { logger: Logger; verbosity: LogVerbosity },
  signal: AbortSignal,
): Promise<void> {
  const kubeconfig = required('kubeconfig', flags.kubeconfig)
  const options = managerOptions(flags)
  const metrics = metricsRegistryOf(flags)
  featureGatesOf(flags, 'controller-manager').register(metrics)
  const access = accessByKubeconfig(kubeconfig, logger, USER_AGENT, metrics)
  const accounts = flags.useServiceAccountCredentials
    ? createServiceAccountClients(kubeconfig, access.client)
    : undefined
  const profiling = await startProfiling(flags, verbosity, logger)
  const own = await serveSecurely(flags, 'controller-manager', {
    ...profiling.served,
    client: access.client,
    flags: values,
    logger,
    metrics,
  })
  try {
    const context = { ...controllerContext(access, 'controller-manager', logger), metrics }
    await runElected(
      flags,
      access,
      logger,
      metrics,
      async leading => {
        const manager = createControllerManager(context, { ...options, ...clientFor(flags, access.client, accounts) })
        logger.info('controllers are starting')
        await manager.run(leading)
      },
      signal,
    )
  } finally {
    await own?.close()
    await profiling.close()
    accounts?.close()
    access.close()
  }
}

/** Each controller's own client, where it is to have one: as its own service account, or with turns of its own. */
function clientFor(
  { kubeApiQps, kubeApiBurst }: ControllerManagerFlags,
  manager: Client,
  accounts: ServiceAccountClients | undefined,
): Pick<ControllerManagerOptions, 'clientFor'> {
  const clientOf = (name: string): Client => accounts?.of(name) ?? manager
  const isLimited = (kubeApiQps ?? kubeApiBurst) !== undefined && (kubeApiQps ?? 0) >= 0
  if (!isLimited) return accounts ? { clientFor: clientOf } : {}
  // Where one of them is given, the other is as upstream has it.
  const limits = { qps: kubeApiQps || QPS, burst: kubeApiBurst || BURST }
  return {
    clientFor: name =>
      createClient(rateLimitedTransport(clientOf(name).transport, systemClock, limits), { userAgent: USER_AGENT }),
  }
}

function managerOptions(flags: ControllerManagerFlags): ControllerManagerOptions {
  const { clusterDns, clusterDnsPort: port } = flags
  return {
    controllers: flags.enableGarbageCollector
      ? flags.controllers
      : ['-garbage-collector-controller', ...flags.controllers],
    featureGates: featureGatesOf(flags, 'controller-manager'),
    ...(flags.rootCaFile === undefined ? {} : { rootCa: fileOf('root-ca-file', flags.rootCaFile) }),
    ...autoscaler(flags),
    ...controllerOptions(flags),
    ...(flags.serviceAccountPrivateKeyFile === undefined
      ? {}
      : { serviceAccountKey: fileOf('service-account-private-key-file', flags.serviceAccountPrivateKeyFile) }),
    ...nodeLifecycle(flags),
    ...(flags.terminatedPodGcThreshold === undefined
      ? {}
      : { podGc: { terminatedPodThreshold: flags.terminatedPodGcThreshold } }),
    attachDetach: { disableForceDetachOnTimeout: flags.disableForceDetachOnTimeout },
    ...(clusterDns === undefined
      ? {}
      : { extra: as => [createClusterDnsController(as('cluster-dns'), { address: clusterDns, port })] }),
  }
}

/** A share such as 0.1. */
function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('not a share such as 0.1.')
  return value
}

function autoscaler(flags: ControllerManagerFlags): Pick<ControllerManagerOptions, 'autoscaler'> {
  return {
    autoscaler: given({
      syncPeriod: flags.horizontalPodAutoscalerSyncPeriod,
      downscaleStabilization: flags.horizontalPodAutoscalerDownscaleStabilization,
      cpuInitializationPeriod: flags.horizontalPodAutoscalerCpuInitializationPeriod,
      initialReadinessDelay: flags.horizontalPodAutoscalerInitialReadinessDelay,
      tolerance: flags.horizontalPodAutoscalerTolerance,
    }),
  }
}

function nodeLifecycle(flags: ControllerManagerFlags): Pick<ControllerManagerOptions, 'nodeLifecycle'> {
  const eviction = given({
    rate: flags.nodeEvictionRate,
    secondaryRate: flags.secondaryNodeEvictionRate,
    largeCluster: flags.largeClusterSizeThreshold,
    unhealthyZone: flags.unhealthyZoneThreshold,
  })
  const periods = given({
    monitorGracePeriod: flags.nodeMonitorGracePeriod,
    monitorPeriod: flags.nodeMonitorPeriod,
    startupGracePeriod: flags.nodeStartupGracePeriod,
  })
  return { nodeLifecycle: { ...periods, eviction } }
}
