/** `pods/proxy`, `services/proxy` and `nodes/proxy`: any request, passed on with its path (`[scheme:]name[:port]`). */
import type { Transform } from 'node:stream'
import type { Pod } from '@canopus/api/core/v1'
import { type ApiResponse, header } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import { type Backend, forward } from './backend.ts'
import { admitConnect } from './connect-admission.ts'
import { kubeletAddress, kubeletTls } from './node-address.ts'
import { linkReplacement, type ProxiedPage, proxiedLink } from './proxied-links.ts'
import { checkPort, type ProxyTarget, parseProxyTarget, podBackend, serviceBackend } from './proxy-target.ts'
import type { SubresourceContext } from './subresource.ts'

export async function serveProxy(context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  const { request, info } = call
  const backend = await proxyBackend(context, endpoint, call)
  // Relative links only work below a path that ends in a slash.
  if (info.restPath === '' && (request.method === 'GET' || request.method === 'HEAD')) {
    const query = request.query === '' ? '' : `?${request.query}`
    return { status: 301, headers: { location: `${request.path}/${query}` } }
  }
  const prefix = request.path.slice(0, request.path.length - info.restPath.length)
  const page = { backend: `${backend.host}:${backend.port}`, host: header(request.headers, 'host'), prefix }
  const more = { 'x-forwarded-uri': request.path, 'x-forwarded-for': forwardedFor(call) }
  return forward(request, backend, { rewrite: headers => asFromHere(headers, page), headers: more })
}

/** Where a proxied request goes. */
export async function proxyBackend(context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<Backend> {
  const { info, request } = call
  const { plural } = endpoint.kind.type
  const options = { pods: 'PodProxyOptions', services: 'ServiceProxyOptions', nodes: 'NodeProxyOptions' }[plural]!
  await admitConnect(endpoint, call, options)
  const target = parseProxyTarget(info.name, { pods: 'pod', services: 'service', nodes: 'node' }[plural]!)
  const path = `${info.restPath === '' ? '/' : info.restPath}${request.query === '' ? '' : `?${request.query}`}`
  const { dial } = context
  switch (plural) {
    case 'pods':
      return { ...podBackend(await podNamed(endpoint, info.namespace, target), target), path, dial }
    case 'services':
      return { ...serviceBackend(context.objects, context.random, info.namespace, target), path, dial }
    default:
      return { ...nodeTarget(context, target), path, dial }
  }
}

const podNamed = async (endpoint: Endpoint, namespace: string, { name }: ProxyTarget): Promise<Pod> =>
  endpoint.store.view(await endpoint.store.get(namespace, name)) as Pod

function nodeTarget(context: SubresourceContext, target: ProxyTarget): Omit<Backend, 'path'> {
  const { kubelet } = context
  const address = kubeletAddress(context.objects, target.name, kubelet)
  const own = target.port === '' || Number(target.port) === address.port
  const port = own ? address.port : checkPort(target.port)
  if (!own) return { tls: target.scheme === 'https', host: address.host, port }
  return { tls: target.scheme !== 'http', host: address.host, port, ...kubeletTls(kubelet) }
}

/** The addresses that a request came by, the last of them the one that we see. */
function forwardedFor({ request: { headers, connection } }: Call): string {
  const before = headers['x-forwarded-for']
  return [...(before === undefined ? [] : [before].flat()), connection.remoteAddress].join(', ')
}

/** What would let pages of other sites read the answer is for the API server to say. */
const CORS = ['credentials', 'headers', 'methods', 'origin'].map(each => `access-control-allow-${each}`)

/** Makes redirects and links of the backend to itself lead through the proxy. */
function asFromHere(headers: Record<string, string | string[]>, page: ProxiedPage): Transform[] {
  for (const each of CORS) delete headers[each]
  if (typeof headers.location === 'string') headers.location = proxiedLink(headers.location, page)
  return linkReplacement(headers, page)
}
