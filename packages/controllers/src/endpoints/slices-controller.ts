/** Keeps the endpoint slices of services that select pods (kubernetes pkg/controller/endpointslice). */

import { EndpointSlices, Nodes, Services } from '@canopus/api'
import type { Pod, Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { hasReason } from '@canopus/apimachinery'
import { splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, mapped, on, primary } from '@canopus/operator'
import { Gathering } from '../common/gathering.ts'
import { isNamespaceTerminating } from '../replica-set.ts'
import { CONTROLLER, MANAGED_BY, planSlices, SERVICE_NAME } from './plan-slices.ts'
import { podSelection, podsToServices } from './selection.ts'
import { serviceSliceMetrics } from './slice-metrics.ts'

export interface EndpointSliceOptions {
  /** Default 100. */
  maxEndpointsPerSlice?: number
  /** Milliseconds for which changes of pods are gathered. Default 0. */
  batchPeriod?: number
}

function serviceOf({ metadata }: EndpointSlice): string[] {
  const name = metadata.labels?.[SERVICE_NAME]
  return name === undefined ? [] : [`${metadata.namespace}/${name}`]
}

export function createEndpointSliceController(
  context: ControllerContext,
  options: EndpointSliceOptions = {},
): Controller {
  const services = context.informers.informer(Services)
  const slices = context.informers.informer(EndpointSlices)
  const nodes = context.informers.informer(Nodes)
  slices.addIndex(SERVICE_NAME, serviceOf)
  const client = context.client.resource(EndpointSlices)
  const gathering = new Gathering()
  const metrics = context.metrics && serviceSliceMetrics(context.metrics)
  const selectedPods = podSelection(context)
  return defineController(context, {
    name: 'endpointslice-controller',
    backoff: { initialBackoff: 1000 },
    triggers: [
      primary(Services),
      podsToServices(context, gathering, options.batchPeriod),
      mapped(EndpointSlices, slice => {
        const { [SERVICE_NAME]: name, [MANAGED_BY]: manager } = slice.metadata.labels ?? {}
        return name !== undefined && manager === CONTROLLER ? [`${slice.metadata.namespace}/${name}`] : []
      }),
      // Zones come from nodes, which may turn up after their pods.
      on(Nodes, ({ object, initial, old }, enqueue) => {
        const zone = 'topology.kubernetes.io/zone'
        if (initial || old?.metadata.labels?.[zone] === object.metadata.labels?.[zone]) return
        for (const service of services.lister.list()) {
          enqueue(`${service.metadata.namespace}/${service.metadata.name}`)
        }
      }),
    ],
    async reconcile(key) {
      try {
        await sync(key)
      } catch (error) {
        metrics?.synced('error')
        throw error
      }
      metrics?.synced('success')
      return undefined
    },
  })

  async function sync(key: string): Promise<void> {
    const { name, namespace } = splitKey(key)
    const service = services.lister.get(name, namespace)
    if (!service) {
      gathering.note(key, 0)
      metrics?.forget(key)
    }
    // The slices of a service that is gone go with it, by their owner reference.
    if (!service || service.metadata.deletionTimestamp || !isSelecting(service)) return
    const pods = selectedPods(service)
    gathering.note(key, pods.length)
    const own = slices.lister.byIndex(SERVICE_NAME, key).filter(isOurs)
    const changes = planSlices({
      service,
      pods,
      slices: own,
      node: node => nodes.lister.get(node),
      maxEndpoints: options.maxEndpointsPerSlice ?? 100,
      triggeredAt: lastChange(service, pods),
    })
    metrics?.planned(key, service, changes.families)
    try {
      for (const slice of changes.create) await client.create(slice).then(() => metrics?.changed('create'))
      for (const slice of changes.update) await client.update(slice).then(() => metrics?.changed('update'))
    } catch (error) {
      if (isNamespaceTerminating(error)) return
      const text = `Error updating Endpoint Slices for Service ${key}: ${error instanceof Error ? error.message : error}`
      if (!hasReason(error, 'Conflict')) {
        context.events.event(service, 'Warning', 'FailedToUpdateEndpointSlices', text)
      }
      throw error
    }
    for (const { metadata } of changes.delete) {
      await client.delete(metadata.name, { namespace: namespace! }).catch(error => {
        if (!hasReason(error, 'NotFound')) throw error
      })
      metrics?.changed('delete')
    }
    metrics?.written(service, changes.families)
  }
}

const isOurs = (slice: EndpointSlice): boolean => slice.metadata.labels?.[MANAGED_BY] === CONTROLLER

/** Services without a selector, and external names, have their endpoints made by somebody else. */
export function isSelecting({ spec }: Service): boolean {
  return spec?.type !== 'ExternalName' && Object.keys(spec?.selector ?? {}).length > 0
}

/** When the newest of the changes happened that led to these endpoints, as a time in RFC 3339. */
export function lastChange(service: Service, pods: readonly Pod[]): string | undefined {
  // All of them are UTC and whole seconds: as texts they sort like moments, and there may be thousands.
  let newest = service.metadata.creationTimestamp
  for (const pod of pods) {
    const since = pod.status?.conditions?.find(condition => condition.type === 'Ready')?.lastTransitionTime
    if (since !== undefined && since > newest) newest = since
  }
  return newest || undefined
}
