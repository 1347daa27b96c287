import { existsSync } from 'node:fs'
import type { Logger, MetricsRegistry, RateLimit } from '@canopus/base'
import { Failure } from '@canopus/cli'
import {
  type Client,
  createClient,
  createInformerFactory,
  type InformerFactory,
  measuredTransport,
  rateLimitedTransport,
  type Transport,
  withoutManagedFields,
} from '@canopus/client'
import { followKubeconfig, type HttpsTransport, readKubeconfigUser } from '@canopus/host'
import { type ControllerContext, createEventRecorder } from '@canopus/operator'
import { systemClock, systemRandom } from '@canopus/platform'

/** How a component reaches the API server, under one identity. */
export interface Access {
  client: Client
  informers: InformerFactory
  close(): void
}

/** Access by a transport of the caller's. `userAgent` is what the fields that the component writes are owned by. */
export function accessBy(transport: Transport & { close?(): void }, logger: Logger, userAgent: string): Access {
  const client = createClient(transport, { userAgent })
  return {
    client,
    informers: createInformerFactory({
      client,
      clock: systemClock,
      random: systemRandom,
      logger,
      transform: withoutManagedFields,
    }),
    close: () => transport.close?.(),
  }
}

/** Access by the current context of a kubeconfig. Throws `Failure` where the file does not have it. */
export function accessByKubeconfig(
  path: string,
  logger: Logger,
  userAgent: string,
  metrics?: MetricsRegistry,
  limits?: RateLimit,
): Access {
  const followed = kubeconfigTransport(path)
  const transport = limits === undefined ? followed : rateLimitedTransport(followed, systemClock, limits)
  if (metrics === undefined) return accessBy(transport, logger, userAgent)
  const { host } = new URL(readKubeconfigUser(path).server)
  return accessBy(measuredTransport(transport, systemClock, metrics, host), logger, userAgent)
}

/** A transport by a kubeconfig, whose later changes it follows. Throws `Failure` where the file does not have what it needs. */
export function kubeconfigTransport(path: string): HttpsTransport {
  if (!existsSync(path)) throw new Failure(`--kubeconfig: there is no file ${path}`)
  try {
    return followKubeconfig(path, systemClock)
  } catch (error) {
    throw new Failure(`--kubeconfig: ${error instanceof Error ? error.message : error}`)
  }
}

/** What controllers and the scheduler are given; `source` is the component that their events name. */
export function controllerContext(access: Access, source: string, logger: Logger): ControllerContext {
  const { client, informers } = access
  const clock = systemClock
  return {
    client,
    informers,
    clock,
    random: systemRandom,
    logger,
    events: createEventRecorder({ client, clock, logger, component: source }),
  }
}
