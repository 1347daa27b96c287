/** Which handler serves which subresource. */

import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import type { Backend } from './backend.ts'
import { serveBinding } from './binding.ts'
import { serveEviction } from './eviction.ts'
import { connectBackend, serveConnect, serveLog } from './pod-connect.ts'
import { proxyBackend, serveProxy } from './proxy.ts'
import { serveScale } from './scale.ts'
import type { SubresourceContext, SubresourceHandler } from './subresource.ts'
import { serveToken } from './token.ts'
import { serveStatus, serveView } from './views.ts'

/** By name, or by resource and name where the name alone is not enough. */
const HANDLERS: Readonly<Record<string, SubresourceHandler>> = {
  status: serveStatus,
  scale: serveScale,
  proxy: serveProxy,
  'pods/binding': serveBinding,
  'pods/eviction': serveEviction,
  'pods/ephemeralcontainers': serveView,
  'pods/resize': serveView,
  'pods/log': serveLog,
  'pods/exec': serveConnect,
  'pods/attach': serveConnect,
  'pods/portforward': serveConnect,
  'serviceaccounts/token': serveToken,
  'namespaces/finalize': serveView,
  'certificatesigningrequests/approval': serveView,
}

export function subresourceHandler(endpoint: Endpoint, subresource: string): SubresourceHandler | undefined {
  if (!Object.hasOwn(endpoint.kind.type.subresources, subresource)) return undefined
  return HANDLERS[`${endpoint.kind.type.plural}/${subresource}`] ?? HANDLERS[subresource]
}

/** Where an upgrade goes; `undefined` where the subresource knows none. */
export async function upgradeBackend(
  context: SubresourceContext,
  endpoint: Endpoint,
  call: Call,
): Promise<Backend | undefined> {
  const { subresource } = call.info
  if (subresource === 'proxy') return proxyBackend(context, endpoint, call)
  if (endpoint.kind.type.plural !== 'pods') return undefined
  return ['exec', 'attach', 'portforward'].includes(subresource) ? connectBackend(context, endpoint, call) : undefined
}

export { serveBinding } from './binding.ts'
export type { SubresourceContext } from './subresource.ts'
