import { type ApiServer, type ApiServerOptions, createSecurity, type SecurityOptions } from '@canopus/apiserver'
import type { Clock, Logger, MetricsRegistry, Random } from '@canopus/base'
import { createClient, createInformerFactory, withoutManagedFields } from '@canopus/client'
import { type ControllerContext, createEventRecorder, createSeriesRecorder } from '@canopus/operator'
import type { ClusterPki } from '@canopus/platform'
import { createScheduler, type SchedulerOptions } from '@canopus/scheduler'
import type { Store } from '@canopus/store'
import { runApiServerLoops, type StartApiServerOptions, startApiServer } from './api-server.ts'
import { type ControllerManagerOptions, createControllerManager } from './controller-manager.ts'

/** What an API server may be told besides. */
export interface ApiServerExtras
  extends Pick<
      ApiServerOptions,
      | 'auditor'
      | 'components'
      | 'consistencyCheckPeriod'
      | 'featureGates'
      | 'flags'
      | 'healthChecks'
      | 'metrics'
      | 'nodeMetrics'
      | 'serving'
      | 'tracing'
    >,
    Pick<StartApiServerOptions, 'runtimeConfig' | 'compactionInterval' | 'eventTtl'> {
  readonly security?: Partial<SecurityOptions>
}

export interface ControlPlaneOptions {
  store: Store
  clock: Clock
  random: Random
  logger: Logger
  /** Its client certificates are read anew for each connection, so that others may take their place. */
  pki: ClusterPki
  serviceCidr: string
  clusterCidr: string
  /** Ports for services on every node; upstream's where missing. */
  nodePorts?: ApiServerOptions['nodePortRange']
  /** Where pods reach the API server; without `address` the service `kubernetes` leads nowhere, without all there is none. */
  advertise?: { address?: string; port: number; serviceAddress: string }
  /** Sentences for `kubectl explain`. */
  descriptions?: ApiServerOptions['descriptions']
  /** How webhooks are called; over HTTPS where missing. */
  webhooks?: ApiServerOptions['webhooks']
  /** Where load balancers are had from; nowhere where missing. */
  cloud?: ControllerManagerOptions['cloud']
  nodeLifecycle?: ControllerManagerOptions['nodeLifecycle']
  /** As what the API server says that it is there; it says nothing where missing. */
  identity?: StartApiServerOptions['identity']
  /** How the API server differs from the usual one. */
  apiServer?: ApiServerExtras
  /** Where controllers and scheduler note their figures; nowhere where missing. */
  componentMetrics?: Readonly<Record<'controllerManager' | 'scheduler', MetricsRegistry>>
  /** More controllers that run beside the usual ones. */
  extraControllers?: ControllerManagerOptions['extra']
  /** Profiles and plugins of the scheduler. */
  scheduler?: SchedulerOptions
}

export interface ControlPlane {
  readonly server: ApiServer
  /** Settles when everything has stopped, rejects where a component failed for good. */
  readonly finished: Promise<void>
}

/** Who the components are to the API server. */
export const CONTROLLER_MANAGER = {
  name: 'system:kube-controller-manager',
  groups: ['system:masters', 'system:authenticated'],
}
export const SCHEDULER = { name: 'system:kube-scheduler', groups: ['system:authenticated'] }

/**
 * Starts API server, controllers and scheduler on one event loop. They talk through the API like everywhere, only that
 * requests are calls. Resolves once the API answers and the cluster's own objects are there; ends with the signal.
 */
export async function startControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<ControlPlane> {
  const { store, clock, random, pki } = options
  const { security: changes = {}, ...extras } = options.apiServer ?? {}
  const logger = options.logger.child({ component: 'apiserver' })
  const apiServer: StartApiServerOptions = {
    store,
    clock,
    random,
    logger,
    ...(options.descriptions ? { descriptions: options.descriptions } : {}),
    ...(options.webhooks ? { webhooks: options.webhooks } : {}),
    security: createSecurity({
      serviceAccountKey: pki.serviceAccount.privateKey,
      clientCa: pki.ca.certificate,
      requestHeader: { clientCa: pki.frontProxyCa.certificate, allowedNames: ['front-proxy-client'] },
      ...changes,
    }),
    ...extras,
    ...(options.identity ? { identity: options.identity } : {}),
    serviceCidr: options.serviceCidr,
    ...(options.nodePorts ? { nodePortRange: options.nodePorts } : {}),
    kubelet: {
      get cert() {
        return pki.apiserverKubeletClient.certificate
      },
      get key() {
        return pki.apiserverKubeletClient.key
      },
    },
    aggregation: { proxyClient: () => ({ cert: pki.frontProxyClient.certificate, key: pki.frontProxyClient.key }) },
    bootstrap: bootstrapOptions(options),
  }
  const server = await startApiServer(apiServer)
  const { componentMetrics: metrics } = options
  const managerContext = componentContext(
    server,
    CONTROLLER_MANAGER,
    'controller-manager',
    options,
    metrics?.controllerManager,
  )
  const manager = createControllerManager(managerContext, managerOptions(options))
  // The same informers: 150,000 pods fit into the heap of a process once, beside the API server, and not twice.
  const { informers } = managerContext
  const schedulerContext = {
    ...withSeries(
      componentContext(server, SCHEDULER, 'default-scheduler', options, metrics?.scheduler),
      options,
      signal,
    ),
    informers,
  }
  const scheduler = createScheduler(schedulerContext, options.scheduler)
  schedulerContext.informers.start(signal)
  const loops = runApiServerLoops(server, apiServer, signal)
  const running = [manager.run(signal), scheduler.run(signal), loops]
  const finished = Promise.all(running).then(() => server.stop())
  return { server, finished }
}

function bootstrapOptions(options: ControlPlaneOptions): Parameters<typeof startApiServer>[0]['bootstrap'] {
  const { advertise, pki } = options
  return {
    nodeBootstrap: true,
    authentication: {
      clientCa: pki.ca.certificate,
      requestHeaderClientCa: pki.frontProxyCa.certificate,
      requestHeaderAllowedNames: ['front-proxy-client'],
    },
    ...(advertise ? { service: serviceFacts(advertise) } : {}),
  }
}

function serviceFacts({ serviceAddress, address, port }: NonNullable<ControlPlaneOptions['advertise']>) {
  return { clusterIP: serviceAddress, port, ...(address === undefined ? {} : { address }) }
}

function managerOptions(options: ControlPlaneOptions): Parameters<typeof createControllerManager>[1] {
  const { pki, clusterCidr, extraControllers, cloud, nodeLifecycle } = options
  const gates = options.apiServer?.featureGates
  return {
    // Bootstrap tokens are a way into the cluster, as in one that kubeadm sets up.
    controllers: ['*', 'bootstrap-signer-controller', 'token-cleaner-controller'],
    rootCa: pki.ca.certificate,
    nodeIpam: { clusterCidrs: [clusterCidr] },
    serviceAccountKey: pki.serviceAccount.privateKey,
    signingCa: pki.ca,
    ...(gates ? { featureGates: gates } : {}),
    ...(cloud ? { cloud } : {}),
    ...(nodeLifecycle ? { nodeLifecycle } : {}),
    ...(extraControllers ? { extra: extraControllers } : {}),
  }
}

function componentContext(
  server: ApiServer,
  user: { name: string; groups: readonly string[] },
  source: string,
  options: ControlPlaneOptions,
  metrics: MetricsRegistry | undefined,
): ControllerContext {
  const { clock, random } = options
  const logger = options.logger.child({ component: source })
  const client = createClient(server.transport(user), { userAgent: user.name.replace(/^system:/, ''), shared: true })
  return {
    client,
    clock,
    random,
    logger,
    informers: createInformerFactory({ client, clock, random, logger, transform: withoutManagedFields }),
    events: createEventRecorder({ client, clock, logger, component: source }),
    ...(metrics === undefined ? {} : { metrics }),
  }
}

/** Upstream's scheduler tells its events in the newer way, as series. */
function withSeries(
  context: ControllerContext,
  { identity }: ControlPlaneOptions,
  signal: AbortSignal,
): ControllerContext {
  const { client, clock, logger } = context
  const host = identity === undefined ? {} : { host: identity.hostname }
  return {
    ...context,
    events: createSeriesRecorder({ client, clock, logger, component: 'default-scheduler', ...host, signal }),
  }
}
