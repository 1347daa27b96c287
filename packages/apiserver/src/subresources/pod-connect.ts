/** Logs, exec, attach and port-forward: passed on to the kubelet of the pod's node. */
import type { Pod } from '@canopus/api/core/v1'
import { badRequestError } from '@canopus/apimachinery'
import { isTrue } from '../filters/request-info.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import { type Backend, checkAnswer, forward, unread } from './backend.ts'
import { admitConnect } from './connect-admission.ts'
import { kubeletParameters, kubeletPath } from './kubelet-paths.ts'
import { kubeletAddress, kubeletTls } from './node-address.ts'
import { podLogMetrics } from './pod-log-metrics.ts'
import type { SubresourceContext } from './subresource.ts'

export async function serveLog(context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  const parameters = kubeletParameters('log', call.info.query, call.info.name)
  const found = await podBackend(context, endpoint, call, parameters)
  const { usage, untrusted } = podLogMetrics(context.metrics)
  const skips = isTrue(call.info.query.get('insecureSkipTLSVerifyBackend'))
  usage.with(skips ? 'skip_tls_allowed' : 'enforce_tls').add()
  // Of a pod that is nowhere there is nothing to read.
  if (found === undefined) return { status: 204, headers: {} }
  const { ca, ...unverified } = found
  const isVerified = ca !== undefined && !skips
  const backend = isVerified ? { ...unverified, ca } : unverified
  const { path, query, headers, connection } = call.request
  const request = { path, query, headers, connection, method: 'GET', body: () => new Uint8Array() }
  return checkAnswer(
    await forward(request, backend, {
      failed: (to, error) => {
        if (isUntrusted(error)) untrusted.add()
        return unread(to, error)
      },
    }),
  )
}

/** Whether the other side's certificate was refused, by the codes of OpenSSL. */
const isUntrusted = (error: Error): boolean =>
  /CERT|SIGNATURE|ISSUER/.test(String((error as NodeJS.ErrnoException).code ?? ''))

/** Exec and the like are upgrades; a plain request is told so, but not before all that an upgrade would be refused for. */
export async function serveConnect(context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  await connectBackend(context, endpoint, call)
  throw badRequestError('Upgrade request required')
}

/** Where an upgrade of a pod's subresource goes. */
export async function connectBackend(context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<Backend> {
  const parameters = kubeletParameters(call.info.subresource, call.info.query, call.info.name)
  // Web sockets open with GET, but what they do is no reading.
  const isChecked = context.featureGates.enabled('AuthorizePodWebsocketUpgradeCreatePermission')
  if (call.info.verb === 'get' && isChecked) await call.authorize('create')
  const kinds: Record<string, string> = {
    exec: 'PodExecOptions',
    attach: 'PodAttachOptions',
    portforward: 'PodPortForwardOptions',
  }
  await admitConnect(endpoint, call, kinds[call.info.subresource]!)
  const backend = await podBackend(context, endpoint, call, parameters)
  if (backend === undefined) throw badRequestError(`pod ${call.info.name} does not have a host assigned`)
  return backend
}

/** Undefined where the pod has no node yet. */
async function podBackend(
  context: SubresourceContext,
  endpoint: Endpoint,
  call: Call,
  parameters: URLSearchParams,
): Promise<Backend | undefined> {
  const { namespace, name, subresource, query } = call.info
  const pod = endpoint.store.view(await endpoint.store.get(namespace, name)) as Pod
  const path = kubeletPath(pod, subresource, query.get('container') ?? '', parameters)
  if (!pod.spec.nodeName) return undefined
  const { kubelet, objects, dial } = context
  // That a node is not there, upstream says in the words of what was asked for.
  const address = kubeletAddress(objects, pod.spec.nodeName, kubelet, 'pods')
  return { tls: true, ...address, path, ...kubeletTls(kubelet), dial }
}
