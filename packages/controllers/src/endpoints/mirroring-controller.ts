/**
 * Mirrors endpoints that somebody made by hand into slices, which is all that proxies and DNS read
 * (kubernetes pkg/controller/endpointslicemirroring).
 */

import { EndpointSlices, Endpoints, Services } from '@canopus/api'
import type { EndpointAddress, Endpoints as EndpointsObject } from '@canopus/api/core/v1'
import type { Endpoint, EndpointSlice } from '@canopus/api/discovery/v1'
import {
  controllerReference,
  hasReason,
  isIpv6,
  type ObjectMeta,
  parseGoBool,
  parseIp,
  semanticEqual,
  stableJson,
} from '@canopus/apimachinery'
import { keyOf, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, mapped, on, primary } from '@canopus/operator'
import { isNamespaceTerminating } from '../replica-set.ts'
import type { AddressType } from './endpoint.ts'
import { type Groups, layOut, MANAGED_BY, SERVICE_NAME, type SliceChanges, TRIGGER_TIME } from './plan-slices.ts'
import { repackSubsets } from './repack.ts'
import { mirroringMetrics } from './slice-metrics.ts'

const CONTROLLER = 'endpointslicemirroring-controller.k8s.io'
const SKIP = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const MAX_ENDPOINTS = 1000

/** Leader election once used endpoints; those are no endpoints of anything. */
export function isMirrored({ metadata }: EndpointsObject): boolean {
  return parseGoBool(metadata.labels?.[SKIP] ?? '') !== true && metadata.annotations?.[LEADER] === undefined
}

export interface Mirrored {
  /** The endpoints, by family and ports. */
  families: Map<AddressType, Groups>
  /** Addresses that are none. */
  invalid: number
  /** Addresses left out, those that are none among them. */
  skipped: number
}

/** What is mirrored of endpoints of the older form: of each subset, in its canonical form, so many addresses and no more. */
export function groupsOf(
  { subsets = [] }: Pick<EndpointsObject, 'subsets'>,
  maxEndpoints: number = MAX_ENDPOINTS,
): Mirrored {
  let invalid = 0
  let skipped = 0
  const families = new Map<AddressType, Groups>([
    ['IPv4', new Map()],
    ['IPv6', new Map()],
  ])
  for (const subset of repackSubsets(subsets)) {
    const ports = (subset.ports ?? []).map(({ name, port, protocol, appProtocol }) => ({
      name: name ?? '',
      protocol: protocol ?? 'TCP',
      port,
      ...(appProtocol ? { appProtocol } : {}),
    }))
    const id = stableJson(ports)
    let added = 0
    const add = (address: EndpointAddress, ready: boolean): void => {
      if (added >= maxEndpoints) skipped += 1
      else if (parseIp(address.ip) === undefined) {
        invalid += 1
        skipped += 1
      } else {
        added += 1
        const groups = families.get(isIpv6(address.ip) ? 'IPv6' : 'IPv4')!
        const group = groups.get(id) ?? { ports, endpoints: [] }
        groups.set(id, group)
        group.endpoints.push(endpointOf(address, ready))
      }
    }
    for (const address of subset.addresses ?? []) add(address, true)
    for (const address of subset.notReadyAddresses ?? []) add(address, false)
  }
  return { families, invalid, skipped }
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  }
}

export interface MirroringOptions {
  /** Of each subset so many addresses are mirrored. Default 1000. */
  maxEndpointsPerSubset?: number
  /** Milliseconds for which changes of endpoints are gathered. Default 0. */
  batchPeriod?: number
}

export function createEndpointSliceMirroringController(
  context: ControllerContext,
  { maxEndpointsPerSubset: maxEndpoints = MAX_ENDPOINTS, batchPeriod = 0 }: MirroringOptions = {},
): Controller {
  const endpoints = context.informers.informer(Endpoints)
  const services = context.informers.informer(Services)
  const slices = context.informers.informer(EndpointSlices)
  const client = context.client.resource(EndpointSlices)
  const metrics = context.metrics && mirroringMetrics(context.metrics)
  const isOurs = (slice: EndpointSlice): boolean => slice.metadata.labels?.[MANAGED_BY] === CONTROLLER
  return defineController(context, {
    name: 'endpointslice-mirroring-controller',
    backoff: { initialBackoff: 1000, maxBackoff: 100_000 },
    triggers: [
      on(Endpoints, ({ object }, enqueue) => enqueue(keyOf(object), batchPeriod)),
      primary(Services),
      mapped(EndpointSlices, slice =>
        isOurs(slice) ? [`${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME]}`] : [],
      ),
    ],
    async reconcile(key) {
      const begun = context.clock.monotonic()
      try {
        await sync(key)
        return undefined
      } finally {
        metrics?.synced(context.clock.monotonic() - begun)
      }
    },
  })

  async function sync(key: string): Promise<void> {
    const { name, namespace } = splitKey(key)
    const object = endpoints.lister.get(name, namespace)
    const service = services.lister.get(name, namespace)
    const own = slices.lister
      .list(namespace)
      .filter(slice => isOurs(slice) && slice.metadata.labels?.[SERVICE_NAME] === name)
    // Services with a selector have slices of their own.
    const isSelecting = Object.keys(service?.spec?.selector ?? {}).length > 0
    const wanted = object && service && !isSelecting && isMirrored(object) ? object : undefined
    const mirrored = wanted && groupsOf(wanted, maxEndpoints)
    if (mirrored) tellSkipped(wanted, mirrored)
    const changes = layOut(mirrored?.families ?? new Map(), {
      slices: own,
      maxEndpoints,
      make: (addressType, ports, made, old) => ({
        metadata: metadataOf(wanted!, old),
        addressType,
        endpoints: made,
        ports,
      }),
    })
    if (mirrored) metrics?.planned(key, changes.families, countUpdated(changes, own), mirrored.skipped)
    else metrics?.forget(key)
    await write(changes, namespace!)
  }

  async function write(changes: SliceChanges, namespace: string): Promise<void> {
    try {
      for (const slice of changes.create) await client.create(slice).then(() => metrics?.changed('create'))
    } catch (error) {
      if (isNamespaceTerminating(error)) return
      throw error
    }
    for (const slice of changes.update) await client.update(slice).then(() => metrics?.changed('update'))
    for (const { metadata } of changes.delete) {
      await client.delete(metadata.name, { namespace }).catch(error => {
        if (!hasReason(error, 'NotFound')) throw error
      })
      metrics?.changed('delete')
    }
  }

  function tellSkipped(object: EndpointsObject, { invalid, skipped }: Mirrored): void {
    if (invalid > 0) {
      const text = `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`
      context.events.event(object, 'Warning', 'InvalidIPAddress', text)
    }
    if (skipped > invalid) {
      const text = `A max of ${maxEndpoints} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`
      context.events.event(object, 'Warning', 'TooManyAddressesToMirror', text)
    }
  }
}

/** How many endpoints stay in their slice, and change there. */
function countUpdated({ update }: SliceChanges, before: readonly EndpointSlice[]): number {
  let count = 0
  for (const slice of update) {
    const old = before.find(each => each.metadata.name === slice.metadata.name)?.endpoints ?? []
    const known = new Map(old.map(endpoint => [endpoint.addresses.join(), endpoint]))
    for (const endpoint of slice.endpoints ?? []) {
      const same = known.get(endpoint.addresses.join())
      if (same !== undefined && !semanticEqual(same, endpoint)) count += 1
    }
  }
  return count
}

function metadataOf(object: EndpointsObject, old: EndpointSlice | undefined): ObjectMeta {
  const { [TRIGGER_TIME]: _time, [LAST_APPLIED]: _applied, ...annotations } = object.metadata.annotations ?? {}
  const fresh = { generateName: `${object.metadata.name}-`, namespace: object.metadata.namespace! }
  return {
    ...(old?.metadata ?? fresh),
    // Endpoints that were made anew own the slices of their namesake.
    ownerReferences: [controllerReference(object, Endpoints)],
    annotations,
    labels: { ...object.metadata.labels, [SERVICE_NAME]: object.metadata.name, [MANAGED_BY]: CONTROLLER },
  } as ObjectMeta
}
