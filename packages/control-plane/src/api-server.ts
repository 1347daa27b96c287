import { builtInKinds } from '@canopus/api'
import {
  type ApiServer,
  type ApiServerOptions,
  type BootstrapOptions,
  bootstrapCluster,
  createApiServer,
} from '@canopus/apiserver'
import { createClient } from '@canopus/client'

export interface StartApiServerOptions extends Omit<ApiServerOptions, 'kinds'> {
  /** What every cluster has from its first moment. */
  bootstrap: BootstrapOptions
}

const BOOTSTRAP = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] }

/** Starts an API server for the built-in kinds. Resolves once it answers and the cluster's own objects are there. */
export async function startApiServer({ bootstrap, ...options }: StartApiServerOptions): Promise<ApiServer> {
  const server = createApiServer({ ...options, kinds: builtInKinds })
  try {
    await server.start()
    await bootstrapCluster(createClient(server.transport(BOOTSTRAP), { userAgent: 'kube-apiserver' }), bootstrap)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}
