/** `pods/proxy`, `services/proxy` and `nodes/proxy`: any request, passed on with its path (`[scheme:]name[:port]`). */
import type { Transform } from 'node:stream'
import { Services } from '@canopus/api'
import type { Pod, Service } from '@canopus/api/core/v1'
import { badRequestError, notFoundError, serviceUnavailableError } from '@canopus/apimachinery'
import { randomInt } from '@canopus/base'
import { type ApiResponse, header } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import { noEndpoints, readyEndpoints, slicesOf } from '../webhook/service-resolver.ts'
import { type Backend, forward } from './backend.ts'
import { admitConnect } from './connect-admission.ts'
import { kubeletAddress, kubeletTls } from './node-address.ts'
import { linkReplacement, type ProxiedPage, proxiedLink } from './proxied-links.ts'
import type { SubresourceContext } from './subresource.ts'

interface Target {
  readonly scheme: string
  readonly name: string
  readonly port: string
}

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
  const target = parseTarget(info.name)
  const path = `${info.restPath === '' ? '/' : info.restPath}${request.query === '' ? '' : `?${request.query}`}`
  const { dial } = context
  switch (plural) {
    case 'pods':
      return { ...(await podTarget(endpoint, info.namespace, target)), path, dial }
    case 'services':
      return { ...serviceTarget(context, info.namespace, target), path, dial }
    default:
      return { ...nodeTarget(context, target), path, dial }
  }
}

function parseTarget(text: string): Target {
  const parts = text.split(':')
  const bad = (): never => {
    throw badRequestError(`invalid proxy request ${JSON.stringify(text)}`)
  }
  if (parts.length > 3) bad()
  if (parts.length === 1) return { scheme: '', name: text, port: '' }
  if (parts.length === 2) return { scheme: '', name: parts[0]!, port: parts[1]! }
  const [scheme = '', name = '', port = ''] = parts
  if (scheme !== '' && scheme !== 'http' && scheme !== 'https') bad()
  return { scheme, name, port }
}

async function podTarget(endpoint: Endpoint, namespace: string, target: Target): Promise<Omit<Backend, 'path'>> {
  const pod = endpoint.store.view(await endpoint.store.get(namespace, target.name)) as Pod
  const host = pod.status?.podIP
  if (!host) throw badRequestError('address not allowed')
  const first = pod.spec.containers.flatMap(each => each.ports ?? [])[0]?.containerPort
  const port = target.port === '' ? (first ?? 80) : Number(target.port)
  return { tls: target.scheme === 'https', host, port: checkPort(port, target.port) }
}

function serviceTarget(context: SubresourceContext, namespace: string, target: Target): Omit<Backend, 'path'> {
  const service = context.objects.get(Services, target.name, namespace)
  if (service === undefined) throw notFoundError({ group: '', resource: 'services', name: target.name })
  const portName = servicePortName(service, target.port)
  const candidates = readyEndpoints(slicesOf(context.objects, service), portName)
  if (candidates.length === 0) throw noEndpoints(target.name)
  const { host, port } = candidates[randomInt(context.random, candidates.length)]!
  return { tls: target.scheme === 'https', host, port }
}

/** The name of the port that was asked for by name or number; of the only one where none was asked for. */
function servicePortName(service: Service, wanted: string): string {
  const ports = service.spec.ports ?? []
  if (wanted === '') return ports[0]?.name ?? ''
  const found = ports.find(each => each.name === wanted || String(each.port) === wanted)
  if (found === undefined) {
    throw serviceUnavailableError(
      `no service port ${JSON.stringify(wanted)} found for service ${JSON.stringify(service.metadata.name)}`,
    )
  }
  return found.name ?? ''
}

function nodeTarget(context: SubresourceContext, target: Target): Omit<Backend, 'path'> {
  const { kubelet } = context
  const address = kubeletAddress(context.objects, target.name, kubelet)
  const own = target.port === '' || Number(target.port) === address.port
  const port = own ? address.port : checkPort(Number(target.port), target.port)
  if (!own) return { tls: target.scheme === 'https', host: address.host, port }
  return { tls: target.scheme !== 'http', host: address.host, port, ...kubeletTls(kubelet) }
}

function checkPort(port: number, text: string): number {
  if (Number.isInteger(port) && port > 0 && port < 65536) return port
  throw badRequestError(`invalid port ${JSON.stringify(text)}`)
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
