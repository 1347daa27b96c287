import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHttpsTransport, type HttpsTransport } from './transport.ts'

const DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A transport with the pod's own service account. Throws outside a pod. */
export function createInClusterTransport(
  env: Readonly<Record<string, string | undefined>>,
  directory = DIRECTORY,
): HttpsTransport {
  const host = env.KUBERNETES_SERVICE_HOST
  const port = env.KUBERNETES_SERVICE_PORT
  if (!host || !port)
    throw new Error('not inside a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set')
  return createHttpsTransport({
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: readFileSync(join(directory, 'ca.crt'), 'utf8'),
    tokenFile: join(directory, 'token'),
  })
}
