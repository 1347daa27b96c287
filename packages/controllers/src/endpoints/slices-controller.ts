/** Keeps the endpoint slices of services that select pods (kubernetes pkg/controller/endpointslice). */

import { EndpointSlices, Nodes, Services } from '@canopus/api'
import type { Pod, Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { hasReason, semanticEqual } from '@canopus/apimachinery'
import { splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, mapped, on, primary } from '@canopus/operator'
import { Gathering } from '../common/gathering.ts'
import { isNamespaceTerminating } from '../replica-set.ts'
import { CONTROLLER, type FamilyChanges, MANAGED_BY, planSlices, SERVICE_NAME } from './plan-slices.ts'
import { podSelection, podsToServices } from './selection.ts'
import { serviceSliceMetrics } from './slice-metrics.ts'
import { hasTopologyMode, topologyFacts, zoneShares } from './topology-hints.ts'

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
  services.addIndex(TOPOLOGY, service => (hasTopologyMode(service) ? [TOPOLOGY] : []))
  /** Services whose endpoints were last meant for zones by annotation. */
  const hinted = new Set<string>()
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
      // Zones come from nodes, which may turn up after their pods; what a zone is to have, from what all nodes have.
      on(Nodes, ({ object, initial, old, deleted }, enqueue) => {
        if (initial) return
        const zone = 'topology.kubernetes.io/zone'
        const isMoved = old?.metadata.labels?.[zone] !== object.metadata.labels?.[zone]
        const concerned = isMoved ? services.lister.list() : services.lister.byIndex(TOPOLOGY, TOPOLOGY)
        if (concerned.length === 0) return
        const factsNow = deleted ? undefined : topologyFacts(object)
        if (!isMoved && semanticEqual(old && topologyFacts(old), factsNow)) return
        for (const { metadata } of concerned) enqueue(`${metadata.namespace}/${metadata.name}`)
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
      hinted.delete(key)
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
      ...(hasTopologyMode(service) ? { topology: { shares: zoneShares(nodes.lister.list()) } } : {}),
    })
    tellOfHints(key, service, changes.families)
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

  function tellOfHints(key: string, service: Service, families: readonly FamilyChanges[]): void {
    const tell = (
      type: 'Normal' | 'Warning',
      what: 'Enabled' | 'Disabled',
      text: string,
      family: FamilyChanges,
    ): void => context.events.event(service, type, `TopologyAwareHints${what}`, `${text}, addressType: ${family.type}`)
    for (const family of families) {
      const { hintsProblem } = family
      if (!hasTopologyMode(service)) {
        if (hinted.delete(key)) tell('Warning', 'Disabled', 'Topology Aware Hints has been disabled', family)
      } else if (hintsProblem !== undefined) {
        hinted.delete(key)
        tell('Warning', 'Disabled', hintsProblem, family)
      } else if (!hinted.has(key)) {
        hinted.add(key)
        tell('Normal', 'Enabled', 'Topology Aware Hints has been enabled', family)
      }
    }
  }
}

const TOPOLOGY = 'topology-mode'

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
