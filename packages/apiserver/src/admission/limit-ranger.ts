import { aggregateContainers, amountsOf, LimitRanges } from '@canopus/api'
import type { Container, LimitRangeItem, PersistentVolumeClaim, Pod, PodSpec } from '@canopus/api/core/v1'
import { aggregateText, formatQuantity } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { type Bounds, checkBounds, checkRequestBounds } from './limit-bounds.ts'
import { type AdmissionContext, podOf, refusal } from './shared.ts'

const ANNOTATION = 'kubernetes.io/limit-ranger'

/** Defaults and bounds of what containers, pods and claims may ask for (plugin/pkg/admission/limitranger). */
export function limitRanger({ objects }: AdmissionContext): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods', '/pods/resize', '/persistentvolumeclaims'],
    mutate(attributes) {
      if (attributes.type.plural !== 'pods' || !concerns(attributes)) return
      for (const { spec } of objects.list(LimitRanges, attributes.namespace)) {
        setDefaults(podOf(attributes), spec?.limits ?? [])
      }
    },
    validate(attributes) {
      if (!concerns(attributes)) return
      for (const { spec } of objects.list(LimitRanges, attributes.namespace)) {
        const items = spec?.limits ?? []
        const wrong =
          attributes.type.plural === 'pods'
            ? checkPod(podOf(attributes), items)
            : checkClaim(attributes.object as PersistentVolumeClaim, items)
        if (wrong.length > 0) throw refusal(attributes, aggregateText(wrong))
      }
    },
  }
}

/** The containers of a pod never change but by resize. */
function concerns(attributes: AdmissionAttributes): boolean {
  if (attributes.oldObject?.metadata.deletionTimestamp !== undefined) return false
  return attributes.type.plural !== 'pods' || attributes.operation === 'CREATE' || attributes.subresource === 'resize'
}

function setDefaults(pod: Pod, items: readonly LimitRangeItem[]): void {
  const ofContainers = items.filter(item => item.type === 'Container')
  const limits = Object.assign({}, ...ofContainers.map(item => item.default))
  const requests = Object.assign({}, ...ofContainers.map(item => item.defaultRequest))
  const told: string[] = []
  for (const container of pod.spec?.containers ?? []) fill(container, 'container', requests, limits, told)
  for (const container of pod.spec?.initContainers ?? []) fill(container, 'init container', requests, limits, told)
  if (told.length === 0) return
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${told.join('; ')}`,
  }
}

type Amounts = Record<string, string>

function fill(container: Container, word: string, requests: Amounts, limits: Amounts, told: string[]): void {
  const given = container.resources ?? {}
  const missing = (wanted: Amounts, present: Amounts | undefined): string[] =>
    Object.keys(wanted).filter(name => present?.[name] === undefined)
  const newRequests = missing(requests, given.requests).sort()
  const newLimits = missing(limits, given.limits).sort()
  if (newRequests.length + newLimits.length === 0) return
  container.resources = {
    ...given,
    ...(newLimits.length === 0 ? {} : { limits: { ...limits, ...given.limits } }),
    ...(newRequests.length === 0 ? {} : { requests: { ...requests, ...given.requests } }),
  }
  if (newRequests.length > 0) told.push(`${newRequests.join(', ')} request for ${word} ${container.name}`)
  if (newLimits.length > 0) told.push(`${newLimits.join(', ')} limit for ${word} ${container.name}`)
}

function checkPod(pod: Pod, items: readonly LimitRangeItem[]): string[] {
  const spec = pod.spec
  if (spec === undefined) return []
  return items.flatMap(item => {
    if (item.type === 'Container') {
      const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
      return containers.flatMap(({ resources }) => checkBounds(item as Bounds, resources?.requests, resources?.limits))
    }
    if (item.type !== 'Pod') return []
    return checkBounds(item as Bounds, podAmounts(spec, 'requests'), podAmounts(spec, 'limits'))
  })
}

function checkClaim(claim: PersistentVolumeClaim, items: readonly LimitRangeItem[]): string[] {
  return items
    .filter(item => item.type === 'PersistentVolumeClaim')
    .flatMap(item => checkRequestBounds(item as Bounds, claim.spec?.resources?.requests))
}

/** What the pod's containers want together, or what the pod says itself. */
function podAmounts(spec: PodSpec, which: 'requests' | 'limits'): Amounts {
  const amounts = aggregateContainers(spec, which)
  for (const [name, amount] of amountsOf(spec.resources?.[which])) {
    if (name === 'cpu' || name === 'memory') amounts.set(name, amount)
  }
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, formatQuantity(amount)]))
}
