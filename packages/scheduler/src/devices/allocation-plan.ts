import type { Pod } from '@canopus/api/core/v1'
import type { AllocationResult, DeviceClass, DeviceRequest, ResourceClaim } from '@canopus/api/resource/v1'
import type { NodeInfo } from '../node-info.ts'
import { selectorMatcher } from '../node-selector.ts'
import { allocatedDevices } from './allocated.ts'
import { allocate } from './allocator.ts'
import { type DeviceClassFor, extendedClaimDraft, type RequestMappings, requestsFor } from './extended-resources.ts'
import type { Pools } from './pools.ts'

export const NOT_HERE = 'resourceclaim not available on the node'

/** What is to be allocated for a pod on one node. */
export interface NodePlan {
  /** By name of each claim of the pod: what it gets; nothing where it has something already. */
  readonly claims: ReadonlyMap<string, AllocationResult | undefined>
  /** What the claim for extended resources asks for and gets, where devices stand for some. */
  readonly extended?: {
    readonly requests: readonly DeviceRequest[]
    readonly mappings: RequestMappings
    readonly allocation: AllocationResult
  }
}

export interface PlanFacts {
  readonly pod: Pod
  readonly requests: Readonly<Record<string, number>>
  readonly claims: readonly ResourceClaim[]
  /** Resources that devices may stand for, and the claim for them that an earlier attempt has left. */
  readonly extended: { readonly resources: readonly string[]; readonly left?: ResourceClaim } | undefined
  readonly pools: Pools
  /** All allocations of the cluster; asked for only where something is to be allocated. */
  readonly allocations: () => Iterable<AllocationResult | undefined>
  /** Whether an allocated claim's devices will not be had any more. */
  readonly isLost: (claim: ResourceClaim) => boolean
  readonly classOf: (name: string) => DeviceClass | undefined
  readonly deviceClassFor: DeviceClassFor
  readonly newShareId: () => string
  /** Milliseconds. */
  readonly now: () => number
  /** How long the search on one node may take; 0: any time. */
  readonly timeout: number
}

/** Works out, node by node, what to allocate there; a text says why nothing can be. */
export function allocationPlanner(facts: PlanFacts): (node: NodeInfo) => NodePlan | string {
  const { claims } = facts
  const open = claims.filter(each => each.status?.allocation === undefined)
  const settled = claims.filter(each => each.status?.allocation !== undefined)
  const lost = settled.some(facts.isLost)
  const selectors = settled.flatMap(({ status }) => status?.allocation?.nodeSelector ?? [])
  const names = new Map<string, AllocationResult | undefined>(claims.map(each => [each.metadata.name, undefined]))
  const chooser = devicesChooser(facts)
  return node => {
    const extended = extendedOn(node, facts)
    if (typeof extended === 'string') return extended
    if (lost || selectors.some(each => !selectorMatcher(each)(node))) return NOT_HERE
    const wanted = extended === undefined ? open : [...open, extended.claim]
    if (wanted.length === 0) return { claims: names }
    const results = chooser(node, wanted)
    if (typeof results === 'string') return results
    const plan = new Map(names)
    for (const [index, claim] of open.entries()) plan.set(claim.metadata.name, results[index])
    if (extended === undefined) return { claims: plan }
    const { requests, mappings } = extended
    return { claims: plan, extended: { requests, mappings, allocation: results[open.length]! } }
  }
}

function devicesChooser(
  facts: PlanFacts,
): (node: NodeInfo, claims: readonly ResourceClaim[]) => readonly AllocationResult[] | string {
  let devices: ReturnType<typeof allocatedDevices> | undefined
  const { classOf, newShareId, now, timeout } = facts
  return (node, claims) => {
    devices ??= allocatedDevices(facts.allocations())
    const pools = facts.pools.for(node)
    const until = timeout === 0 ? Number.POSITIVE_INFINITY : now() + timeout
    const isLate = (): boolean => now() > until
    const results = allocate(claims, node, { ...devices, pools, classOf, newShareId, isLate })
    if (results !== undefined) return results
    return pools.some(each => each.invalid) ? 'invalid resource pools were encountered' : 'cannot allocate all claims'
  }
}

/** The claim for what the node has as devices; nothing where it has none of it; a text where it has it in no way. */
function extendedOn(
  node: NodeInfo,
  { pod, requests: wanted, extended, deviceClassFor }: PlanFacts,
): { claim: ResourceClaim; requests: readonly DeviceRequest[]; mappings: RequestMappings } | string | undefined {
  if (extended === undefined) return undefined
  if (extended.left?.spec.devices.requests !== undefined) return 'cannot schedule extended resource claim'
  const devices: string[] = []
  for (const resource of extended.resources) {
    if ((wanted[resource] ?? 0) === 0) continue
    if (deviceClassFor(resource) !== undefined && (node.allocatable[resource] ?? 0) === 0) devices.push(resource)
    else if (!(resource in node.allocatable)) return 'cannot fit resource'
  }
  if (devices.length === 0) return undefined
  const { requests, mappings } = requestsFor(pod, devices, deviceClassFor)
  const draft = extendedClaimDraft(pod, requests)
  // It gets its name when it is made; until then it is told by one that no claim can have.
  const metadata = { ...draft.metadata, name: '<extended-resources>' } as ResourceClaim['metadata']
  return { claim: { ...draft, metadata } as ResourceClaim, requests, mappings }
}
