/**
 * For which zone each endpoint is meant, where a service asks for that by annotation: each zone gets endpoints by its share of
 * the CPUs, or none has hints (KEP-2433; kubernetes staging/src/k8s.io/endpointslice/topologycache).
 */
import type { Node, Service } from '@canopus/api/core/v1'
import type { Endpoint, EndpointSlice } from '@canopus/api/discovery/v1'
import { findCondition, milliValue } from '@canopus/apimachinery'

const ZONE = 'topology.kubernetes.io/zone'
const HINTS_ANNOTATION = 'service.kubernetes.io/topology-aware-hints'
const MODE_ANNOTATION = 'service.kubernetes.io/topology-mode'
/** Nodes with one of these do not count: usually no pods run there. */
const EXCLUDED = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']
/** By how much more than its share an endpoint may be burdened. */
const OVERLOAD = 0.2

const NO_NODE_INFORMATION = 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
const NO_ENDPOINT_ZONE = 'One or more endpoints do not have a zone specified'
const TOO_FEW = 'Insufficient number of endpoints'
const TOO_UNEVEN = 'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold'

/** Whether the service asks by annotation for whom endpoints are meant, which goes before its `trafficDistribution`. */
export function hasTopologyMode({ metadata: { annotations } }: Service): boolean {
  const mode = annotations?.[HINTS_ANNOTATION] ?? annotations?.[MODE_ANNOTATION]
  return mode === 'Auto' || mode === 'auto'
}

/** The part of all CPUs that each zone has, by its name. */
export type ZoneShares = ReadonlyMap<string, number>

/** Nothing where a node does not say what it has, or where there are not two zones. */
export function zoneShares(nodes: readonly Node[]): ZoneShares | undefined {
  const byZone = new Map<string, number>()
  let total = 0
  for (const node of nodes) {
    const facts = topologyFacts(node)
    if (facts === undefined) continue
    const { zone, cpu } = facts
    if (!zone || cpu === 0) return undefined
    byZone.set(zone, (byZone.get(zone) ?? 0) + cpu)
    total += cpu
  }
  if (byZone.size < 2) return undefined
  return new Map([...byZone].sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, cpu]) => [zone, cpu / total]))
}

/** What counts of a node, its CPUs in thousandths; nothing where the node does not count. */
export function topologyFacts({ metadata: { labels = {} }, status }: Node): { zone?: string; cpu: number } | undefined {
  if (EXCLUDED.some(label => label in labels)) return undefined
  if (findCondition(status?.conditions, 'Ready')?.status !== 'True') return undefined
  const zone = labels[ZONE]
  return { ...(zone === undefined ? {} : { zone }), cpu: milliValue(status?.allocatable?.cpu ?? '0') }
}

interface Allocation {
  minimum: number
  maximum: number
  desired: number
}
type Allocations = ReadonlyMap<string, Allocation>

/** How many endpoints each zone is to have; a sentence where that cannot be without burdening some too much. */
function allocate(shares: ZoneShares | undefined, endpoints: number): Allocations | string {
  if (shares === undefined) return NO_NODE_INFORMATION
  const counts = `(${endpoints} endpoints, ${shares.size} zones)`
  if (shares.size > endpoints) return `${TOO_FEW} ${counts}`
  const allocations = [...shares].map(([zone, share]) => {
    const desired = share * endpoints
    const minimum = Math.ceil(desired / (1 + OVERLOAD))
    return { zone, minimum, desired: Math.max(desired, minimum) }
  })
  const spare = endpoints - allocations.reduce((sum, { minimum }) => sum + minimum, 0)
  if (spare < 0) return `${TOO_UNEVEN} ${counts}`
  return new Map(allocations.map(({ zone, ...each }) => [zone, { ...each, maximum: each.minimum + spare }]))
}

/** The slices of one family, as they are to be; those that are written may be changed. */
export interface HintedSlices {
  readonly written: readonly EndpointSlice[]
  readonly unchanged: readonly EndpointSlice[]
}

/**
 * Gives the endpoints of `written` their hints, and takes from `unchanged` those whose hints do not do any more: they are
 * answered, with others. With a `problem` nobody has hints.
 */
export function placeHints(
  { written, unchanged }: HintedSlices,
  shares: ZoneShares | undefined,
): { changed: EndpointSlice[]; problem?: string } {
  const all = [...written, ...unchanged].flatMap(({ endpoints }) => endpoints ?? []).filter(isReady)
  const allocations = allocate(shares, all.length)
  if (typeof allocations === 'string') return withoutHints({ written, unchanged }, allocations)
  const allocated = new Map<string, number>()
  const changed = unchanged.filter(slice => !countHints(slice, allocated, allocations)).map(slice => ({ ...slice }))
  const open = [...written, ...changed]
  if (open.some(({ endpoints }) => endpoints?.some(each => isReady(each) && !each.zone))) {
    return withoutHints({ written, unchanged }, NO_ENDPOINT_ZONE)
  }
  for (const slice of open) {
    slice.endpoints = (slice.endpoints ?? []).map(each => meantFor(each, isReady(each) ? each.zone : undefined))
    for (const { zone } of slice.endpoints.filter(isReady)) allocated.set(zone!, (allocated.get(zone!) ?? 0) + 1)
  }
  redistribute(open, allocations, allocated)
  return { changed }
}

function withoutHints({ written, unchanged }: HintedSlices, problem: string): ReturnType<typeof placeHints> {
  for (const slice of written) slice.endpoints = (slice.endpoints ?? []).map(each => meantFor(each, undefined))
  const hinted = unchanged.filter(({ endpoints }) => endpoints?.some(each => each.hints !== undefined))
  const changed = hinted.map(slice => ({
    ...slice,
    endpoints: slice.endpoints!.map(each => meantFor(each, undefined)),
  }))
  return { changed, problem }
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready === true

function meantFor({ hints: _, ...endpoint }: Endpoint, zone: string | undefined): Endpoint {
  return zone === undefined ? endpoint : { ...endpoint, hints: { forZones: [{ name: zone }] } }
}

/** Counts the hints of a slice in, if they can stay: every endpoint has one, for zones that want it. */
function countHints(slice: EndpointSlice, allocated: Map<string, number>, allocations: Allocations): boolean {
  const own = new Map<string, number>()
  for (const endpoint of slice.endpoints ?? []) {
    if (!isReady(endpoint)) continue
    const zones = endpoint.hints?.forZones ?? []
    if (zones.length === 0) return false
    for (const { name } of zones) own.set(name, (own.get(name) ?? 0) + 1)
  }
  for (const [zone, count] of own) {
    const allocation = allocations.get(zone)
    if (allocation === undefined || count + (allocated.get(zone) ?? 0) > allocation.maximum) return false
  }
  for (const [zone, count] of own) allocated.set(zone, (allocated.get(zone) ?? 0) + count)
  return true
}

/** Zones with more endpoints than they are to have lend some to those with fewer. */
function redistribute(
  slices: readonly EndpointSlice[],
  allocations: Allocations,
  allocated: ReadonlyMap<string, number>,
): void {
  const { giving, receiving } = transfers(allocations, allocated)
  for (const slice of slices) {
    slice.endpoints = (slice.endpoints ?? []).map(endpoint => {
      const { zone = '' } = endpoint
      const left = giving.get(zone) ?? 0
      const to = isReady(endpoint) && left > 0 ? receiving.shift() : undefined
      if (to === undefined) return endpoint
      giving.set(zone, left - 1)
      return meantFor(endpoint, to)
    })
  }
}

/** How many endpoints a zone gives, and which zones receive them, one after another. */
function transfers(allocations: Allocations, allocated: ReadonlyMap<string, number>) {
  const surplus = [...allocations].map(([zone, { desired }]) => ({ zone, more: (allocated.get(zone) ?? 0) - desired }))
  const giving = new Map<string, number>()
  const received = new Map<string, number>()
  for (;;) {
    const from = surplus.reduce((most, each) => (each.more > most.more ? each : most))
    const to = surplus.reduce((least, each) => (each.more < least.more ? each : least))
    // One is given where at least one of both has a whole one too many or too few, and neither less than a half.
    if (from.more < 0.5 || to.more > -0.5 || (from.more < 1 && to.more > -1)) break
    from.more -= 1
    to.more += 1
    giving.set(from.zone, (giving.get(from.zone) ?? 0) + 1)
    received.set(to.zone, (received.get(to.zone) ?? 0) + 1)
  }
  const receiving = [...received].flatMap(([zone, count]) => Array<string>(count).fill(zone))
  return { giving, receiving }
}
