import { builtInKinds } from '@canopus/api'
import {
  type ApiServer,
  type ApiServerOptions,
  type BootstrapOptions,
  bootstrapCluster,
  createApiServer,
  keepFlowControl,
} from '@canopus/apiserver'
import { createClient } from '@canopus/client'
import { keepIdentityLease } from './identity-lease.ts'

export interface StartApiServerOptions extends Omit<ApiServerOptions, 'kinds'> {
  /** What every cluster has from its first moment. */
  bootstrap: BootstrapOptions
  /** As what the server says by a lease that it is there; it says nothing where missing. */
  identity?: { name: string; hostname: string; holder: string }
}

const BOOTSTRAP = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] }

/** Starts an API server for the built-in kinds. Resolves once it answers and the cluster's own objects are there. */
export async function startApiServer({ bootstrap, identity, ...options }: StartApiServerOptions): Promise<ApiServer> {
  const server = createApiServer({ ...options, kinds: builtInKinds })
  const client = createClient(server.transport(BOOTSTRAP), { userAgent: 'kube-apiserver' })
  try {
    await server.start()
    await bootstrapCluster(
      client,
      { resourceMetrics: options.kubelet !== undefined, ...bootstrap },
      server.postStartHooks,
    )
    const ending = new AbortController()
    if (identity) {
      void keepIdentityLease({ client, clock: options.clock, logger: options.logger, ...identity }, ending.signal)
    }
    void keepFlowControl({ client, clock: options.clock, logger: options.logger }, ending.signal)
    return {
      ...server,
      stop: () => {
        ending.abort()
        return server.stop()
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}
