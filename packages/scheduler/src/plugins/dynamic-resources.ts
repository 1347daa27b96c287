import { DeviceClasses, ResourceClaims, ResourceSlices } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { AllocationResult, ResourceClaim } from '@canopus/api/resource/v1'
import { controllerOf } from '@canopus/apimachinery'
import { uuid } from '@canopus/base'
import { AssumeCache } from '../assume-cache.ts'
import { allocate } from '../devices/allocator.ts'
import { Pools } from '../devices/pools.ts'
import {
  type ClusterChange,
  type ClusterView,
  type Failure,
  type NodeFilter,
  type NodeScorer,
  normaliseByHighest,
  type PluginContext,
  type PostFilterResult,
  type Rejection,
  type SchedulerPlugin,
} from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { selectorMatcher } from '../node-selector.ts'
import type { PodInfo } from '../pod-info.ts'

const name = 'DynamicResources'
const FINALIZER = 'resource.kubernetes.io/delete-protection'
/** How many pods one claim can be reserved for. */
const MOST_CONSUMERS = 256
/** How many alternatives a request may have. */
const MOST_ALTERNATIVES = 8
const NOT_HERE = 'resourceclaim not available on the node'

const rejection = (...reasons: string[]): Rejection => ({ plugin: name, reasons, unresolvable: true })

/** Devices for pods (pkg/scheduler/framework/plugins/dynamicresources): claims are allocated on the node, and reserved. */
export function dynamicResources(context: PluginContext): SchedulerPlugin {
  return new DynamicResources(context)
}

/** What is to be written for a pod before it is bound. */
type Plan = ReadonlyMap<string, AllocationResult | undefined>

class DynamicResources implements SchedulerPlugin {
  readonly name = name
  readonly events = ['NodeAdd', 'NodeLabel', 'ResourceClaim', 'ResourceSlice', 'DeviceClass', 'PodUpdate'] as const
  readonly #context: PluginContext
  readonly #claims: AssumeCache<ResourceClaim>
  readonly #plans = new Map<string, Plan>()
  #pools: Pools | undefined

  constructor(context: PluginContext) {
    this.#context = context
    this.#claims = new AssumeCache(context.informers.informer(ResourceClaims).lister)
    context.informers.informer(ResourceSlices)
    context.informers.informer(DeviceClasses)
  }

  connect(): () => void {
    const outdated = (): void => {
      this.#pools = undefined
    }
    return this.#context.informers
      .informer(ResourceSlices)
      .addHandler({ added: outdated, updated: outdated, deleted: outdated })
  }

  /** Claims matter where they are the pod's own, or where devices have become free. */
  hint(pod: PodInfo, { event, object, oldObject }: ClusterChange): boolean {
    if (event !== 'ResourceClaim') return true
    const about = (object ?? oldObject) as ResourceClaim
    const freed = (oldObject as ResourceClaim | undefined)?.status?.allocation !== undefined
    const gone = object === undefined || (about.status?.allocation === undefined && freed)
    if (gone) return true
    const names = claimNames(pod.pod)
    return about.metadata.namespace === pod.namespace && names.some(each => each.name === about.metadata.name)
  }

  preEnqueue(pod: PodInfo): Rejection | undefined {
    const claims = this.#claimsOf(pod)
    return typeof claims === 'string' ? rejection(claims) : undefined
  }

  /** The pod's claims, or why they are not there. */
  #claimsOf({ pod, namespace }: PodInfo): ResourceClaim[] | string {
    const claims: ResourceClaim[] = []
    for (const { name: claimName, own, missing } of claimNames(pod)) {
      if (missing) return `pod "${namespace}/${pod.metadata.name}": ResourceClaim not created yet`
      if (claimName === undefined) continue
      const claim = this.#claims.get(claimName, namespace)
      if (claim === undefined) return `resourceclaim.resource.k8s.io "${claimName}" not found`
      if (claim.metadata.deletionTimestamp) return `resourceclaim "${claimName}" is being deleted`
      if (own && controllerOf(claim)?.uid !== pod.metadata.uid) {
        const podName = `${namespace}/${pod.metadata.name}`
        return `ResourceClaim ${namespace}/${claimName} was not created for Pod ${podName} (Pod is not owner)`
      }
      claims.push(claim)
    }
    return claims
  }

  filter(pod: PodInfo): NodeFilter | Rejection | undefined {
    if ((pod.pod.spec?.resourceClaims ?? []).length === 0) return undefined
    const claims = this.#claimsOf(pod)
    if (typeof claims === 'string') return rejection(claims)
    const problem = this.#problem(pod, claims)
    if (problem !== undefined) return rejection(problem)
    const chooser = this.#chooser(claims)
    return {
      check: node => {
        const found = chooser(node)
        return typeof found === 'string' ? rejection(found) : undefined
      },
    }
  }

  /** Nodes where earlier alternatives of requests are to be had come first (KEP-4816). */
  score(pod: PodInfo): NodeScorer | undefined {
    if ((pod.pod.spec?.resourceClaims ?? []).length === 0) return undefined
    const claims = this.#claimsOf(pod)
    if (typeof claims === 'string') return undefined
    const hasChoice = claims.some(
      ({ spec, status }) =>
        status?.allocation === undefined && spec.devices.requests?.some(each => each.firstAvailable),
    )
    if (!hasChoice) return undefined
    const chooser = this.#chooser(claims)
    return {
      score(node) {
        const plan = chooser(node)
        if (typeof plan === 'string') return 0
        return claims.reduce((sum, claim) => sum + preference(claim, plan.get(claim.metadata.name)), 0)
      },
      normalise: scores => normaliseByHighest(scores, false),
    }
  }

  #problem(pod: PodInfo, claims: readonly ResourceClaim[]): string | undefined {
    const classes = this.#context.informers.informer(DeviceClasses).lister
    for (const { spec, status } of claims) {
      if (status?.allocation !== undefined) {
        const consumers = status.reservedFor ?? []
        const full = consumers.length >= MOST_CONSUMERS && !consumers.some(each => each.uid === pod.uid)
        if (full) return 'resourceclaim in use'
        continue
      }
      for (const request of spec.devices.requests ?? []) {
        const asked = request.exactly ? [request.exactly] : (request.firstAvailable ?? [])
        for (const { deviceClassName } of asked) {
          if (classes.get(deviceClassName) === undefined) {
            return `request ${request.name}: device class ${deviceClassName} does not exist`
          }
        }
      }
    }
    return undefined
  }

  /** Works out, node by node, what to allocate there; or why nothing can be. */
  #chooser(claims: readonly ResourceClaim[]): (node: NodeInfo) => Plan | string {
    const { informers } = this.#context
    const open = claims.filter(each => each.status?.allocation === undefined)
    const allocated = open.length === 0 ? new Set<string>() : this.#allocatedDevices()
    const classes = informers.informer(DeviceClasses).lister
    this.#pools ??= new Pools(informers.informer(ResourceSlices).lister.list())
    const pools = this.#pools
    return node => {
      for (const { status } of claims) {
        const selector = status?.allocation?.nodeSelector
        if (selector !== undefined && !selectorMatcher(selector)(node)) return NOT_HERE
      }
      const plan = new Map<string, AllocationResult | undefined>(claims.map(each => [each.metadata.name, undefined]))
      if (open.length === 0) return plan
      const state = {
        allocated,
        pools: pools.for(node),
        classOf: (each: string) => classes.get(each),
        newShareId: () => uuid(this.#context.random),
      }
      const results = allocate(open, node, state)
      if (results === undefined) {
        const invalid = state.pools.some(each => each.invalid)
        return invalid ? 'invalid resource pools were encountered' : 'cannot allocate all claims'
      }
      for (const [index, claim] of open.entries()) plan.set(claim.metadata.name, results[index])
      return plan
    }
  }

  #allocatedDevices(): Set<string> {
    const devices = new Set<string>()
    for (const { status } of this.#claims.list()) {
      for (const { driver, pool, device, adminAccess } of status?.allocation?.devices?.results ?? []) {
        if (adminAccess !== true) devices.add(`${driver}/${pool}/${device}`)
      }
    }
    return devices
  }

  /** An allocation that nobody uses and that is in the way of its own pod is taken back. */
  postFilter(pod: PodInfo, _cluster: ClusterView, failure: Failure): PostFilterResult {
    if ((pod.pod.spec?.resourceClaims ?? []).length === 0) return { message: 'no new claims to deallocate' }
    const stands = [...failure.rejections.values()].some(
      each => each.plugin === name && each.reasons.includes(NOT_HERE),
    )
    const claims = this.#claimsOf(pod)
    if (!stands || typeof claims === 'string') return { message: 'still not schedulable' }
    const idle = claims.find(({ status }) => {
      const consumers = status?.reservedFor ?? []
      return status?.allocation !== undefined && consumers.every(each => each.uid === pod.uid)
    })
    if (idle === undefined) return { message: 'still not schedulable' }
    const { allocation: _, reservedFor: __, ...status } = idle.status ?? {}
    this.#context.client
      .resource(ResourceClaims)
      .updateStatus({ ...idle, status })
      .catch(error =>
        this.#context.logger.debug('a claim could not be deallocated', { claim: idle.metadata.name, error }),
      )
    return { message: 'deallocation of ResourceClaim completed' }
  }

  reserve(pod: PodInfo, node: NodeInfo): Rejection | undefined {
    if ((pod.pod.spec?.resourceClaims ?? []).length === 0) return undefined
    const claims = this.#claimsOf(pod)
    if (typeof claims === 'string') return rejection(claims)
    const plan = this.#chooser(claims)(node)
    if (typeof plan === 'string') return rejection(plan)
    for (const claim of claims) {
      const allocation = plan.get(claim.metadata.name)
      // So that pods that are looked at meanwhile neither get the same devices nor allocate the claim once more.
      if (allocation !== undefined) this.#claims.assume({ ...claim, status: { ...claim.status, allocation } })
    }
    this.#plans.set(pod.key, plan)
    return undefined
  }

  async preBind(pod: PodInfo, _node: string, signal: AbortSignal): Promise<undefined> {
    const plan = this.#plans.get(pod.key)
    if (plan === undefined) return undefined
    for (const [claimName, allocation] of plan) await this.#write(pod, claimName, allocation, signal)
    return undefined
  }

  postBind(pod: PodInfo): void {
    this.#plans.delete(pod.key)
  }

  async #write(
    pod: PodInfo,
    claimName: string,
    allocation: AllocationResult | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const api = this.#context.client.resource(ResourceClaims)
    const consumer = { resource: 'pods', name: pod.pod.metadata.name, uid: pod.uid }
    let claim = await api.get(claimName, { namespace: pod.namespace, signal })
    if (claim.metadata.deletionTimestamp) {
      throw new Error(`claim ${claimName} got deleted in the meantime`)
    }
    if (claim.status?.reservedFor?.some(each => each.uid === pod.uid)) return
    let status = claim.status ?? {}
    if (status.allocation === undefined) {
      if (allocation === undefined) throw new Error(`claim ${claimName} got deallocated elsewhere in the meantime`)
      if (!claim.metadata.finalizers?.includes(FINALIZER)) {
        const finalizers = [...(claim.metadata.finalizers ?? []), FINALIZER]
        claim = await api.update({ ...claim, metadata: { ...claim.metadata, finalizers } }, { signal })
      }
      status = { ...status, allocation }
    } else if (allocation !== undefined) {
      throw new Error(`claim ${claimName} got allocated elsewhere in the meantime`)
    }
    status = { ...status, reservedFor: [...(status.reservedFor ?? []), consumer] }
    this.#claims.assume(await api.updateStatus({ ...claim, status }, { signal }))
  }

  unreserve(pod: PodInfo): void {
    const plan = this.#plans.get(pod.key)
    if (plan === undefined) return
    this.#plans.delete(pod.key)
    const api = this.#context.client.resource(ResourceClaims)
    for (const [claimName, allocation] of plan) {
      if (allocation !== undefined) this.#claims.restore(claimName, pod.namespace)
      const known = this.#claims.known(claimName, pod.namespace)
      if (!known?.status?.reservedFor?.some(each => each.uid === pod.uid)) continue
      const patch = {
        metadata: { uid: known.metadata.uid },
        status: { reservedFor: [{ $patch: 'delete', uid: pod.uid }] },
      }
      api
        .patch(claimName, 'strategic', patch, { namespace: pod.namespace, subresource: 'status' })
        .catch(error => this.#context.logger.debug('a claim stays reserved', { claim: claimName, error }))
    }
  }
}

/** How early the alternatives stand that the claim would get: eight for a first one, one less for each that is passed over. */
function preference({ spec }: ResourceClaim, allocation: AllocationResult | undefined): number {
  const got = new Set((allocation?.devices?.results ?? []).map(each => each.request))
  let sum = 0
  for (const { name: request, firstAvailable = [] } of spec.devices.requests ?? []) {
    for (const [index, each] of firstAvailable.entries()) {
      if (got.has(`${request}/${each.name}`)) sum += MOST_ALTERNATIVES - index
    }
  }
  return sum
}

/** Names of the pod's claims; those made from templates belong to the pod, and may be left out or not be there yet. */
function claimNames(pod: Pod): { name?: string; own: boolean; missing?: boolean }[] {
  return (pod.spec?.resourceClaims ?? []).map(each => {
    if (each.resourceClaimName) return { name: each.resourceClaimName, own: false }
    const made = pod.status?.resourceClaimStatuses?.find(status => status.name === each.name)
    if (made === undefined) return { own: true, missing: true }
    return { own: true, ...(made.resourceClaimName ? { name: made.resourceClaimName } : {}) }
  })
}
