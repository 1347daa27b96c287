/**
 * Keeps the older form of endpoints, one object per service, for those who still read it
 * (kubernetes pkg/controller/endpoint).
 */

import { Endpoints, Services } from '@canopus/api'
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '@canopus/api/core/v1'
import { hasReason, isIpv6, type ObjectMeta, semanticEqual } from '@canopus/apimachinery'
import { keyOf, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, mapped, primary } from '@canopus/operator'
import { Gathering } from '../common/gathering.ts'
import { isReady } from '../common/pods.ts'
import { isNamespaceTerminating } from '../replica-set.ts'
import { hostnameOf, isEligible, isHeadless, memoizedPorts, portsOf } from './endpoint.ts'
import { TRIGGER_TIME } from './plan-slices.ts'
import { podSelection, podsToServices } from './selection.ts'
import { type EndpointSliceOptions, isSelecting, lastChange } from './slices-controller.ts'

const MAX_ADDRESSES = 1000
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by'
const HEADLESS = 'service.kubernetes.io/headless'

/** The subsets of a service: addresses that share their ports, sorted, ready and not ready apart. */
export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const groups = new Map<string, { ports: EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>()
  const wantsIpv6 =
    (service.spec?.ipFamilies?.[0] ?? (isIpv6(service.spec?.clusterIP ?? '') ? 'IPv6' : 'IPv4')) === 'IPv6'
  const portsFor = memoizedPorts(service, pod => legacyPorts(pod, service))
  for (const pod of pods) {
    const publishAll = service.spec?.publishNotReadyAddresses === true
    if (!isEligible(pod, publishAll)) continue
    const ips = pod.status?.podIPs?.map(each => each.ip) ?? [pod.status?.podIP ?? '']
    const ip = ips.find(each => isIpv6(each) === wantsIpv6)
    if (!ip) continue
    const { ports, id } = portsFor(pod)
    if (ports.length === 0 && !(isHeadless(service) && (service.spec?.ports ?? []).length === 0)) continue
    const group = groups.get(id) ?? { ports, ready: [], notReady: [] }
    groups.set(id, group)
    const hostname = hostnameOf(pod, service)
    const address: EndpointAddress = {
      ip,
      ...(hostname ? { hostname } : {}),
      ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
      targetRef: { kind: 'Pod', namespace: pod.metadata.namespace!, name: pod.metadata.name, uid: pod.metadata.uid },
    }
    if (isReady(pod) || publishAll) group.ready.push(address)
    else group.notReady.push(address)
  }
  const byIp = (a: EndpointAddress, b: EndpointAddress): number => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0)
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 ? { addresses: ready.sort(byIp) } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady.sort(byIp) } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }))
}

/** The older form leaves out names that are empty. */
function legacyPorts(pod: Pod, service: Service): EndpointPort[] {
  return portsOf(pod, service).map(({ name, port, protocol, appProtocol }) => ({
    ...(name ? { name } : {}),
    port: port!,
    ...(protocol ? { protocol } : {}),
    ...(appProtocol ? { appProtocol } : {}),
  }))
}

/** No object holds more than a thousand addresses; those that are not ready give way first. */
export function truncated(subsets: readonly EndpointSubset[]): { subsets: EndpointSubset[]; isOver: boolean } {
  const count = (field: 'addresses' | 'notReadyAddresses'): number =>
    subsets.reduce((sum, subset) => sum + (subset[field]?.length ?? 0), 0)
  if (count('addresses') + count('notReadyAddresses') <= MAX_ADDRESSES) return { subsets: [...subsets], isOver: false }
  let left = MAX_ADDRESSES
  const take = (addresses: EndpointAddress[] | undefined): EndpointAddress[] => {
    const taken = (addresses ?? []).slice(0, left)
    left -= taken.length
    return taken
  }
  const ready = subsets.map(subset => take(subset.addresses))
  const notReady = subsets.map(subset => take(subset.notReadyAddresses))
  const cut = subsets.map((subset, index) => ({
    ...(ready[index]!.length > 0 ? { addresses: ready[index]! } : {}),
    ...(notReady[index]!.length > 0 ? { notReadyAddresses: notReady[index]! } : {}),
    ...(subset.ports ? { ports: subset.ports } : {}),
  }))
  return { subsets: cut.filter(subset => subset.addresses || subset.notReadyAddresses), isOver: true }
}

export function createEndpointsController(
  context: ControllerContext,
  { batchPeriod }: Pick<EndpointSliceOptions, 'batchPeriod'> = {},
): Controller {
  const services = context.informers.informer(Services)
  const endpoints = context.informers.informer(Endpoints)
  const client = context.client.resource(Endpoints)
  const gathering = new Gathering()
  const selectedPods = podSelection(context)
  return defineController(context, {
    name: 'endpoints-controller',
    triggers: [
      primary(Services),
      podsToServices(context, gathering, batchPeriod),
      mapped(Endpoints, object => [keyOf(object)]),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const service = services.lister.get(name, namespace)
      const current = endpoints.lister.get(name, namespace)
      if (!service) {
        gathering.note(key, 0)
        // Endpoints that somebody made by hand for a service without a selector are not ours to delete.
        if (!current || current.metadata.labels?.[MANAGED_BY] === undefined) return undefined
        await client.delete(name, { namespace: namespace! }).catch(error => {
          if (!hasReason(error, 'NotFound')) throw error
        })
        return undefined
      }
      if (!isSelecting(service)) return undefined
      const pods = selectedPods(service)
      gathering.note(key, pods.length)
      const { subsets, isOver } = truncated(subsetsOf(service, pods))
      const metadata = metadataOf(service, current?.metadata, isOver)
      const unchanged =
        current !== undefined &&
        semanticEqual(current.subsets, subsets) &&
        semanticEqual(current.metadata.labels, metadata.labels) &&
        (current.metadata.annotations?.[OVER_CAPACITY] === 'truncated') === isOver
      if (unchanged) return undefined
      const changedAt = lastChange(service, pods)
      if (changedAt !== undefined) metadata.annotations = { ...metadata.annotations, [TRIGGER_TIME]: changedAt }
      try {
        if (current) await client.update({ ...current, metadata, subsets })
        else await client.create({ metadata, subsets })
      } catch (error) {
        if (!current && isNamespaceTerminating(error)) return undefined
        const [reason, what] = current
          ? ['FailedToUpdateEndpoint', 'update endpoint']
          : ['FailedToCreateEndpoint', 'create endpoint for service']
        const text = `Failed to ${what} ${key}: ${error instanceof Error ? error.message : error}`
        const about = { apiVersion: 'v1', kind: Endpoints.kind, metadata }
        // What somebody else has written meanwhile is seen in a moment.
        if (!hasReason(error, 'Conflict')) context.events.event(about, 'Warning', reason!, text)
        throw error
      }
      return undefined
    },
  })
}

function metadataOf(service: Service, old: ObjectMeta | undefined, isOver: boolean): ObjectMeta {
  const { [HEADLESS]: _headless, ...labels } = service.metadata.labels ?? {}
  const { [OVER_CAPACITY]: _over, [TRIGGER_TIME]: _time, ...annotations } = old?.annotations ?? {}
  return {
    ...(old ?? { name: service.metadata.name, namespace: service.metadata.namespace! }),
    labels: {
      ...labels,
      ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
      [MANAGED_BY]: 'endpoint-controller',
    },
    annotations: isOver ? { ...annotations, [OVER_CAPACITY]: 'truncated' } : annotations,
  } as ObjectMeta
}
