/**
 * Where a proxied request to a pod or a service goes. Only addresses of pods are gone to: whoever may write endpoints could else reach
 * whatever the API server reaches (pkg/registry/core/{pod,service}, ResourceLocation).
 */
import { Endpoints, Pods, Services } from '@canopus/api'
import type { EndpointAddress, EndpointSubset, Pod } from '@canopus/api/core/v1'
import { badRequestError, isGlobalUnicast, notFoundError, serviceUnavailableError } from '@canopus/apimachinery'
import { type Random, randomInt } from '@canopus/base'
import type { ObjectReader } from '../security.ts'
import { noEndpoints } from '../webhook/service-resolver.ts'

/** What `[scheme:]name[:port]` says; the parts that it leaves out are empty. */
export interface ProxyTarget {
  readonly id: string
  readonly scheme: string
  readonly name: string
  readonly port: string
}

export interface ProxyAddress {
  readonly tls: boolean
  readonly host: string
  readonly port: number
}

/** Throws StatusError 400 for what is no target of this `kind`. */
export function parseProxyTarget(id: string, kind: string): ProxyTarget {
  const parts = id.split(':')
  const [scheme = '', name = '', port = ''] = parts.length < 3 ? ['', ...parts] : parts
  if (parts.length > 3 || name === '' || !['', 'http', 'https'].includes(scheme)) {
    throw badRequestError(`invalid ${kind} request ${JSON.stringify(id)}`)
  }
  return { id, scheme, name, port }
}

/** The port that was asked for, else the first that a container names, else 80. Throws StatusError 400 where it must not be gone to. */
export function podBackend({ spec, status }: Pod, { scheme, port }: ProxyTarget): ProxyAddress {
  const host = status?.podIPs?.[0]?.ip ?? status?.podIP ?? ''
  if (!isGlobalUnicast(host)) throw badRequestError('address not allowed')
  const first = spec.containers.flatMap(each => each.ports ?? [])[0]?.containerPort
  return { tls: scheme === 'https', host, port: port === '' ? (first ?? 80) : checkPort(port) }
}

/**
 * A pod behind the port of a service, which is asked for by the name that it has in the endpoints, or by the service's number for it.
 * Throws StatusError 404 where there are no such endpoints, 503 where no pod is behind them.
 */
export function serviceBackend(
  objects: ObjectReader,
  random: Random,
  namespace: string,
  target: ProxyTarget,
): ProxyAddress {
  const { id, scheme, name } = target
  const portName = servicePortName(objects, namespace, target)
  const endpoints = objects.get(Endpoints, name, namespace)
  if (endpoints === undefined) throw missing(name)
  if (!endpoints.subsets?.length) throw noEndpoints(name)
  const candidates = endpoints.subsets.flatMap(each => podsBehind(objects, namespace, each, portName))
  if (candidates.length === 0) throw noEndpoints(id)
  return { tls: scheme === 'https', ...candidates[randomInt(random, candidates.length)]! }
}

const missing = (name: string): Error => notFoundError({ group: '', resource: 'services', name })

/** Names stand for themselves; a number is that of the service, whose name for it counts in its endpoints. */
function servicePortName(objects: ObjectReader, namespace: string, { name, port }: ProxyTarget): string {
  if (!/^[+-]?\d+$/.test(port)) return port
  const service = objects.get(Services, name, namespace)
  if (service === undefined) throw missing(name)
  const found = service.spec.ports?.find(each => each.port === Number(port))
  if (found !== undefined) return found.name ?? ''
  throw serviceUnavailableError(`no service port ${Number(port)} found for service ${JSON.stringify(name)}`)
}

function podsBehind(
  objects: ObjectReader,
  namespace: string,
  { addresses = [], ports = [] }: EndpointSubset,
  portName: string,
): { host: string; port: number }[] {
  const wanted = ports.filter(each => (each.name ?? '') === portName)
  if (wanted.length === 0) return []
  const pods = addresses.filter(each => isOfPod(objects, namespace, each))
  return wanted.flatMap(({ port }) => pods.map(({ ip }) => ({ host: ip, port })))
}

function isOfPod(objects: ObjectReader, namespace: string, { ip, targetRef }: EndpointAddress): boolean {
  if (targetRef?.namespace !== namespace || targetRef.name === undefined) return false
  const pod = objects.get(Pods, targetRef.name, namespace)
  return pod?.status?.podIPs?.some(each => each.ip === ip) ?? false
}

/** The number of a port. Throws StatusError 400 where it is none. */
export function checkPort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65536) return port
  throw badRequestError(`invalid port ${JSON.stringify(text)}`)
}
