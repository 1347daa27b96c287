import { builtInKinds } from '@canopus/api'
import {
  type ApiServer,
  type ApiServerOptions,
  bootstrapCluster,
  createApiServer,
  createCsrSigner,
  createLegacyTokenIssuer,
  createSecurity,
  runCompaction,
} from '@canopus/apiserver'
import type { Clock, Logger, Random } from '@canopus/base'
import { createClient, createInformerFactory } from '@canopus/client'
import { createControllers } from '@canopus/controllers'
import { type Controller, type ControllerContext, createEventRecorder } from '@canopus/operator'
import type { ClusterPki } from '@canopus/platform'
import { createScheduler } from '@canopus/scheduler'
import type { Store } from '@canopus/store'

export interface ControlPlaneOptions {
  store: Store
  clock: Clock
  random: Random
  logger: Logger
  pki: ClusterPki
  serviceCidr: string
  clusterCidr: string
  /** Where pods reach the API server; absent where there are no pods to do so. */
  advertise?: { address: string; port: number; serviceAddress: string }
  /** Sentences for `kubectl explain`. */
  descriptions?: ApiServerOptions['descriptions']
  /** More controllers that run beside the usual ones. */
  extraControllers?: (context: ControllerContext) => readonly Controller[]
}

export interface ControlPlane {
  readonly server: ApiServer
  /** Settles when everything has stopped, rejects where a component failed for good. */
  readonly finished: Promise<void>
}

/** Who the components are to the API server. */
const CONTROLLER_MANAGER = {
  name: 'system:kube-controller-manager',
  groups: ['system:masters', 'system:authenticated'],
}
const SCHEDULER = { name: 'system:kube-scheduler', groups: ['system:authenticated'] }
const BOOTSTRAP = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] }

/**
 * Starts API server, controllers and scheduler on one event loop. They talk through the API like everywhere, only that
 * requests are calls. Resolves once the API answers and the cluster's own objects are there; ends with the signal.
 */
export async function startControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<ControlPlane> {
  const { store, clock, random, logger, pki } = options
  const server = createApiServer({
    store,
    clock,
    random,
    logger: logger.child({ component: 'apiserver' }),
    kinds: builtInKinds,
    ...(options.descriptions ? { descriptions: options.descriptions } : {}),
    security: createSecurity({ serviceAccountKey: pki.serviceAccount.privateKey }),
    serviceCidr: options.serviceCidr,
    kubelet: { cert: pki.apiserverKubeletClient.certificate, key: pki.apiserverKubeletClient.key },
  })
  await server.start()
  await bootstrapCluster(createClient(server.transport(BOOTSTRAP)), bootstrapOptions(options))
  const components = [
    ...managed(options, componentContext(server, CONTROLLER_MANAGER, 'controller-manager', options)),
    scheduled(componentContext(server, SCHEDULER, 'default-scheduler', options)),
  ]
  const running = [
    ...components.map(component => component(signal)),
    runCompaction({ store, clock, logger: logger.child({ component: 'apiserver' }) }, signal),
  ]
  const finished = Promise.all(running).then(() => server.stop())
  return { server, finished }
}

type Component = (signal: AbortSignal) => Promise<void>

function bootstrapOptions(options: ControlPlaneOptions): Parameters<typeof bootstrapCluster>[1] {
  const { advertise, pki } = options
  return {
    nodeBootstrap: true,
    authentication: {
      clientCa: pki.ca.certificate,
      requestHeaderClientCa: pki.frontProxyCa.certificate,
      requestHeaderAllowedNames: ['front-proxy-client'],
    },
    ...(advertise
      ? { service: { clusterIP: advertise.serviceAddress, address: advertise.address, port: advertise.port } }
      : {}),
  }
}

function componentContext(
  server: ApiServer,
  user: { name: string; groups: readonly string[] },
  source: string,
  options: ControlPlaneOptions,
): ControllerContext {
  const { clock, random } = options
  const logger = options.logger.child({ component: source })
  const client = createClient(server.transport(user))
  return {
    client,
    clock,
    random,
    logger,
    informers: createInformerFactory({ client, clock, random, logger }),
    events: createEventRecorder({ client, clock, logger, component: source }),
  }
}

function managed(options: ControlPlaneOptions, context: ControllerContext): Component[] {
  const controllers = [
    ...createControllers(context, {
      rootCa: options.pki.ca.certificate,
      nodeIpam: { clusterCidrs: [options.clusterCidr] },
      issueToken: createLegacyTokenIssuer(options.pki.serviceAccount.privateKey),
      csrSigner: createCsrSigner({ ca: options.pki.ca, clock: options.clock }),
      approveKubeletServing: true,
    }),
    ...(options.extraControllers?.(context) ?? []),
  ]
  return [
    async signal => {
      context.informers.start(signal)
      await Promise.all(controllers.map(controller => controller.run(signal)))
    },
  ]
}

function scheduled(context: ControllerContext): Component {
  const scheduler = createScheduler(context)
  return async signal => {
    context.informers.start(signal)
    await scheduler.run(signal)
  }
}
