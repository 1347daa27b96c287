/**
 * The ports of controllers and scheduler of `canopus up`: health and figures on this machine's own address, as kubeadm has it
 * (10257 and 10259; cmd/kube-controller-manager, cmd/kube-scheduler).
 */
import { type ApiServer, FeatureGates } from '@canopus/apiserver'
import { type Logger, MetricsRegistry } from '@canopus/base'
import { createClient } from '@canopus/client'
import {
  CONTROLLER_MANAGER,
  type ComponentServer,
  SCHEDULER,
  type ShownCertificates,
  startComponentServer,
} from '@canopus/control-plane'
import { systemClock } from '@canopus/platform'

const COMPONENTS = [
  { registry: 'controllerManager', component: 'kube-controller-manager', user: CONTROLLER_MANAGER, port: 10_257 },
  { registry: 'scheduler', component: 'kube-scheduler', user: SCHEDULER, port: 10_259 },
] as const

export type ComponentRegistries = Readonly<Record<(typeof COMPONENTS)[number]['registry'], MetricsRegistry>>

export function createComponentRegistries(gates = new FeatureGates()): ComponentRegistries {
  const registries = { controllerManager: new MetricsRegistry(), scheduler: new MetricsRegistry() }
  for (const each of Object.values(registries)) gates.register(each)
  return registries
}

/** Clusters side by side differ in their ports, as those of their first nodes do. */
export const componentPort = (port: number, slot: number): number => port + 10 * slot

/** Where they say how they are, as `kubectl get cs` names them. */
export const componentAddresses = (slot = 0): Readonly<Record<string, string>> =>
  Object.fromEntries(
    COMPONENTS.map(({ component, port }) => [
      component.replace('kube-', ''),
      `https://127.0.0.1:${componentPort(port, slot)}/healthz`,
    ]),
  )

export interface ComponentPortsOptions {
  readonly server: ApiServer
  readonly slot: number
  readonly registries: ComponentRegistries
  /** That of the API server, in whose process all this runs. */
  readonly certificates: ShownCertificates
  readonly clientCa: string
  readonly logger: Logger
}

export interface ComponentPorts {
  setCertificates(shown: ShownCertificates): void
  close(): Promise<void>
}

/** Somebody else may have one of the ports: then that component goes without, and the log says so. */
export async function serveComponents(options: ComponentPortsOptions): Promise<ComponentPorts> {
  const started = await Promise.all(COMPONENTS.map(each => serve(each, options)))
  const servers = started.filter(each => each !== undefined)
  return {
    setCertificates: shown => {
      for (const each of servers) each.setCertificates(shown)
    },
    close: async () => {
      await Promise.all(servers.map(each => each.close()))
    },
  }
}

async function serve(
  { component, registry, user, port: usual }: (typeof COMPONENTS)[number],
  { server, slot, registries, certificates, clientCa, logger }: ComponentPortsOptions,
): Promise<ComponentServer | undefined> {
  const port = componentPort(usual, slot)
  try {
    return await startComponentServer({
      component,
      address: '127.0.0.1',
      port,
      ...certificates,
      clientCa,
      flags: {},
      alwaysAllowed: ['/healthz', '/readyz', '/livez'],
      client: createClient(server.transport(user), { userAgent: component }),
      clock: systemClock,
      logger: logger.child({ component }),
      metrics: registries[registry],
      resetsMetrics: component === 'kube-scheduler',
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    logger.warn('a port is taken, so that a component tells nothing of itself', { component, port })
    return undefined
  }
}
