/**
 * How a service's endpoints are laid out in slices: at most so many per slice, slices of equal ports together, as few
 * writes as possible. Behaviour: kubernetes staging/src/k8s.io/endpointslice/reconciler.go.
 */

import { Services } from '@canopus/api'
import type { Node, Pod, Service } from '@canopus/api/core/v1'
import type { Endpoint, EndpointPort, EndpointSlice } from '@canopus/api/discovery/v1'
import { controllerOf, controllerReference, type ObjectMeta, semanticEqual, stableJson } from '@canopus/apimachinery'
import {
  type AddressType,
  addressesOf,
  addressTypes,
  endpointOf,
  isEligible,
  isHeadless,
  memoizedPorts,
  portsOf,
} from './endpoint.ts'
import { placeHints, type ZoneShares } from './topology-hints.ts'

export const SERVICE_NAME = 'kubernetes.io/service-name'
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
export const CONTROLLER = 'endpointslice-controller.k8s.io'
export const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time'
const HEADLESS = 'service.kubernetes.io/headless'

export interface SliceState {
  service: Service
  /** The pods that the service selects. */
  pods: readonly Pod[]
  /** The slices of this controller for this service. */
  slices: readonly EndpointSlice[]
  node(name: string): Node | undefined
  maxEndpoints: number
  /** When the change that led here happened (RFC 3339). */
  triggeredAt: string | undefined
  /** Where endpoints are to be meant for zones by what these have (`hasTopologyMode`). */
  topology?: { shares: ZoneShares | undefined }
}

export interface SliceChanges {
  create: EndpointSlice[]
  update: EndpointSlice[]
  delete: EndpointSlice[]
  /** What became of each family. */
  families: FamilyChanges[]
}

export interface FamilyChanges extends FamilyCounts {
  readonly type: AddressType
  /** Why endpoints are meant for no zones, although the service asks for it. */
  hintsProblem?: string
}

/** How many there are of what, in one family. */
export interface FamilyCounts {
  endpoints: number
  /** Endpoints that were in no slice, and those of the same ports that are in none any more. */
  added: number
  removed: number
  slices: number
  /** How many slices the endpoints would fill. */
  neededSlices: number
  changedSlices: number
}

export function planSlices(state: SliceState): SliceChanges {
  const types = addressTypes(state.service)
  const groups = new Map(types.map(type => [type, groupByPorts(state, type)]))
  // A service without endpoints keeps one empty slice, so that consumers know it was looked at.
  for (const group of groups.values()) if (group.size === 0) group.set(stableJson([]), { ports: [], endpoints: [] })
  const changes = layOut(groups, {
    slices: state.slices,
    maxEndpoints: state.maxEndpoints,
    make: (type, ports, endpoints, old) => sliceOf(state, type, ports, endpoints, old),
  })
  if (state.topology !== undefined) for (const family of changes.families) hintFamily(state, changes, family)
  return changes
}

function hintFamily({ slices, topology }: SliceState, changes: SliceChanges, family: FamilyChanges): void {
  const isOf = ({ addressType }: EndpointSlice): boolean => addressType === family.type
  const touched = new Set([...changes.update, ...changes.delete].map(({ metadata }) => metadata.name))
  const isLeft = ({ metadata }: EndpointSlice): boolean => !metadata.deletionTimestamp && !touched.has(metadata.name)
  const written = [...changes.create, ...changes.update].filter(isOf)
  const unchanged = slices.filter(isOf).filter(isLeft)
  const { changed, problem } = placeHints({ written, unchanged }, topology?.shares)
  changes.update.push(...changed)
  family.changedSlices += changed.length
  if (problem !== undefined) family.hintsProblem = problem
}

export interface Layout {
  /** The slices that are there. */
  slices: readonly EndpointSlice[]
  maxEndpoints: number
  make(type: AddressType, ports: EndpointPort[], endpoints: Endpoint[], old?: EndpointSlice): EndpointSlice
}

/** Endpoints that share their ports. */
export interface Group {
  ports: EndpointPort[]
  endpoints: Endpoint[]
}

/** Groups, by the JSON of their ports. */
export type Groups = Map<string, Group>

/** Spreads groups of endpoints over slices, moving as little as possible. */
export function layOut(families: ReadonlyMap<AddressType, Groups>, layout: Layout): SliceChanges {
  const changes: SliceChanges = { create: [], update: [], delete: [], families: [] }
  for (const [type, groups] of families) {
    const counts: FamilyChanges = {
      type,
      endpoints: 0,
      added: 0,
      removed: 0,
      slices: 0,
      neededSlices: 0,
      changedSlices: 0,
    }
    const before = changedBy(changes)
    planFamily(layout, type, groups, changes, counts)
    const after = changedBy(changes)
    counts.slices += after.more - before.more
    counts.changedSlices = after.written - before.written
    changes.families.push(counts)
  }
  changes.delete.push(...layout.slices.filter(slice => !families.has(slice.addressType as AddressType)))
  return changes
}

const changedBy = ({ create, update, delete: gone }: SliceChanges) => ({
  more: create.length - gone.length,
  written: create.length + update.length + gone.length,
})

function planFamily(
  layout: Layout,
  type: AddressType,
  wanted: Groups,
  changes: SliceChanges,
  counts: FamilyCounts,
): void {
  const left = new Map<string, EndpointSlice[]>()
  for (const slice of layout.slices) {
    if (slice.addressType !== type || slice.metadata.deletionTimestamp) continue
    counts.slices += 1
    const id = stableJson(slice.ports ?? [])
    left.set(id, [...(left.get(id) ?? []), slice])
  }
  const spare: EndpointSlice[] = []
  for (const [id, slices] of left) if (!wanted.has(id)) spare.push(...slices)
  for (const [id, group] of wanted) {
    planGroup(layout, type, group, left.get(id) ?? [], spare, changes, counts)
    counts.endpoints += group.endpoints.length
    // Also where there is no endpoint there is a slice, which says so.
    counts.neededSlices += Math.max(1, Math.ceil(group.endpoints.length / layout.maxEndpoints))
  }
  changes.delete.push(...spare)
}

function groupByPorts(state: SliceState, type: AddressType): Groups {
  const { service, pods, node } = state
  const groups: Groups = new Map()
  const hints = state.topology && hintsNow(state.slices, type)
  const portsFor = memoizedPorts(service, pod => portsOf(pod, service))
  for (const pod of pods) {
    if (!isEligible(pod, true) || addressesOf(pod, type).length === 0) continue
    const { ports, id } = portsFor(pod)
    const group = groups.get(id) ?? { ports, endpoints: [] }
    groups.set(id, group)
    const endpoint = endpointOf(pod, service, type, pod.spec?.nodeName ? node(pod.spec.nodeName) : undefined)
    const kept = endpoint.conditions?.ready ? hints?.get(idOf(endpoint)) : undefined
    group.endpoints.push(kept === undefined ? endpoint : { ...endpoint, hints: kept })
  }
  return groups
}

/** The hints of endpoints, which stay where nothing else changes. */
function hintsNow(slices: readonly EndpointSlice[], type: AddressType): Map<string, Endpoint['hints']> {
  const endpoints = slices.filter(({ addressType }) => addressType === type).flatMap(each => each.endpoints ?? [])
  return new Map(endpoints.map(endpoint => [idOf(endpoint), endpoint.hints]))
}

const idOf = (endpoint: Endpoint): string => endpoint.targetRef?.uid ?? endpoint.addresses.join()

function planGroup(
  layout: Layout,
  type: AddressType,
  { ports, endpoints }: Group,
  slices: readonly EndpointSlice[],
  spare: EndpointSlice[],
  changes: SliceChanges,
  counts: FamilyCounts,
): void {
  const missing = new Map(endpoints.map(endpoint => [idOf(endpoint), endpoint]))
  // Endpoints stay in the slice where they are; what is gone leaves a gap.
  const kept = slices.map(slice => {
    const next: Endpoint[] = []
    for (const each of slice.endpoints ?? []) {
      const endpoint = missing.get(idOf(each))
      if (endpoint && missing.delete(idOf(each))) next.push(endpoint)
      else counts.removed += 1
    }
    return { slice, endpoints: next }
  })
  // What is new fills slices that are written anyway, then the fullest of those that have room, then new ones.
  const rest = [...missing.values()]
  counts.added += rest.length
  const room = (each: { endpoints: Endpoint[] }): number => layout.maxEndpoints - each.endpoints.length
  const isTouched = (each: (typeof kept)[number]): boolean => !semanticEqual(each.endpoints, each.slice.endpoints)
  for (const each of kept.filter(isTouched)) each.endpoints.push(...rest.splice(0, Math.max(0, room(each))))
  if (rest.length > 0 && rest.length < layout.maxEndpoints) {
    const fitting = kept.filter(each => room(each) >= rest.length).sort((a, b) => room(a) - room(b))[0]
    fitting?.endpoints.push(...rest.splice(0))
  }
  while (rest.length > 0) {
    const chunk = rest.splice(0, layout.maxEndpoints)
    const reused = spare.pop()
    if (reused) changes.update.push(layout.make(type, ports, chunk, reused))
    else changes.create.push(layout.make(type, ports, chunk))
  }
  const isEmpty = endpoints.length === 0
  if (isEmpty && kept.length === 0) {
    const reused = spare.pop()
    if (reused) changes.update.push(layout.make(type, ports, [], reused))
    else changes.create.push(layout.make(type, ports, []))
  }
  const placeholder = isEmpty ? kept[0] : undefined
  for (const each of kept) {
    if (each.endpoints.length === 0 && each !== placeholder) changes.delete.push(each.slice)
    else {
      const next = layout.make(type, ports, each.endpoints, each.slice)
      const isSame =
        semanticEqual(next.endpoints, each.slice.endpoints) &&
        semanticEqual(next.ports, each.slice.ports) &&
        semanticEqual(aboutIt(next), aboutIt(each.slice))
      if (!isSame) changes.update.push(next)
    }
  }
}

/** What of a slice's metadata is worth a write: not when its endpoints last changed. */
function aboutIt(slice: EndpointSlice): unknown {
  const { [TRIGGER_TIME]: _time, ...annotations } = slice.metadata.annotations ?? {}
  return { labels: slice.metadata.labels, annotations, owner: controllerOf(slice)?.uid }
}

function sliceOf(
  { service, triggeredAt }: SliceState,
  addressType: AddressType,
  ports: EndpointPort[],
  endpoints: Endpoint[],
  old?: EndpointSlice,
): EndpointSlice {
  const { [TRIGGER_TIME]: _time, ...annotations } = old?.metadata.annotations ?? {}
  const metadata: Partial<ObjectMeta> = {
    ...(old
      ? old.metadata
      : {
          generateName: `${service.metadata.name}-`,
          namespace: service.metadata.namespace!,
          ownerReferences: [controllerReference(service, Services)],
        }),
    labels: labelsOf(service),
    annotations: triggeredAt === undefined ? annotations : { ...annotations, [TRIGGER_TIME]: triggeredAt },
  }
  return { metadata: metadata as ObjectMeta, addressType, endpoints, ports }
}

/** The service's labels go along, save those that say whose slices these are. */
function labelsOf(service: Service): Record<string, string> {
  const { [HEADLESS]: _headless, ...labels } = service.metadata.labels ?? {}
  return {
    ...labels,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
    [SERVICE_NAME]: service.metadata.name,
    [MANAGED_BY]: CONTROLLER,
  }
}
