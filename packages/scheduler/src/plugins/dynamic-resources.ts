import { DeviceClasses, ResourceClaims } from '@canopus/api'
import type { ResourceClaim } from '@canopus/api/resource/v1'
import { type Deferred, deferred, sleep, uuid } from '@canopus/base'
import { allocationPlanner, NOT_HERE, type NodePlan } from '../devices/allocation-plan.ts'
import { hasBindingConditions, isOverdue, isPrepared } from '../devices/binding-conditions.ts'
import { ClaimWriter, isReservedFor } from '../devices/claim-writer.ts'
import { isExtendedClaimOf, mayBeDevices } from '../devices/extended-resources.ts'
import { claimNames, claimsOf, classProblem, hasChoice, isFull, preference } from '../devices/pod-claims.ts'
import type { SharedDevices } from '../devices/shared-devices.ts'
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
import { type PodInfo, told } from '../pod-info.ts'

const name = 'DynamicResources'
/** How often devices that are being prepared are looked at, beside every time that something is said about them. */
const LOOK_INTERVAL = 5000

/** Plugins that are asked about pods after this one. */
const LATER_PLUGINS: ReadonlySet<string> = new Set(['NodeDeclaredFeatures'])

const rejection = (...reasons: string[]): Rejection => ({ plugin: name, reasons, unresolvable: true })

export interface DynamicResourcesOptions {
  /** Milliseconds that the search for devices of one node may take; 0: any time. Default 10 s, as upstream. */
  filterTimeout?: number
  /** Milliseconds that devices may take to be prepared. Default 10 minutes, as upstream. */
  bindingTimeout?: number
}

/** Devices for pods (pkg/scheduler/framework/plugins/dynamicresources): claims are allocated on the node, and reserved. */
export function dynamicResources(context: PluginContext, options: DynamicResourcesOptions = {}): SchedulerPlugin {
  return new DynamicResources(context, options)
}

/** What a pod needs devices for. */
interface Need {
  readonly claims: readonly ResourceClaim[]
  /** Resources that devices may stand for, with the claim for them that an attempt before this one has left. */
  readonly extended?: { readonly resources: readonly string[]; readonly left?: ResourceClaim }
}

/** What is to be written for a pod before it is bound, and what has been. */
interface Work {
  readonly plan: NodePlan
  readonly written: Map<string, ResourceClaim>
  /** The claim for extended resources, once it is made. */
  made?: ResourceClaim
}

const known = new WeakMap<PodInfo, readonly string[]>()

/** Resources that the pod asks for and that devices may stand for. */
function extendedResourcesOf(pod: PodInfo): readonly string[] {
  let resources = known.get(pod)
  if (resources === undefined) {
    resources = Object.keys(pod.requests).filter(each => mayBeDevices(each) && pod.requests[each]! > 0)
    known.set(pod, resources)
  }
  return resources
}

class DynamicResources implements SchedulerPlugin {
  readonly name = name
  readonly events = [
    'NodeAdd',
    'NodeLabel',
    'NodeAllocatable',
    'ResourceClaim',
    'ResourceSlice',
    'DeviceClass',
    'PodUpdate',
  ] as const
  readonly #context: PluginContext
  readonly #filterTimeout: number
  readonly #bindingTimeout: number
  readonly #writer: ClaimWriter
  readonly #devices: SharedDevices
  readonly #work = new Map<string, Work>()
  #claimChanged: Deferred<undefined> = deferred()

  constructor(context: PluginContext, { filterTimeout = 10_000, bindingTimeout = 600_000 }: DynamicResourcesOptions) {
    this.#context = context
    this.#filterTimeout = filterTimeout
    this.#bindingTimeout = bindingTimeout
    this.#writer = new ClaimWriter(context)
    this.#devices = context.devices
  }

  connect(): () => void {
    const seen = (claim: ResourceClaim, gone: boolean): void => {
      for (const [pod, each] of this.#devices.unseen) {
        const isIt = each.claim === `${claim.metadata.namespace}/${claim.metadata.name}`
        if (isIt && (gone || claim.status?.allocation !== undefined)) this.#devices.unseen.delete(pod)
      }
      const waiting = this.#claimChanged
      this.#claimChanged = deferred()
      waiting.resolve(undefined)
    }
    return this.#context.informers.informer(ResourceClaims).addHandler({
      added: claim => seen(claim, false),
      updated: (_, claim) => seen(claim, false),
      deleted: claim => seen(claim, true),
    })
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

  #claimsOf(pod: PodInfo): ResourceClaim[] | string {
    return claimsOf(pod, each => this.#devices.claims.get(each, pod.namespace))
  }

  /** What the pod needs devices for; a text: why that cannot be told yet; nothing: it needs none. */
  #needOf(pod: PodInfo): Need | string | undefined {
    const resources = extendedResourcesOf(pod)
    // Most pods: asked for again and again.
    if (resources.length === 0 && pod.pod.spec?.resourceClaims === undefined) return undefined
    const claims = this.#claimsOf(pod)
    if (typeof claims === 'string') return claims
    const mapped = resources.length > 0 && resources.some(each => this.#devices.classFor(each) !== undefined)
    if (!mapped) return claims.length > 0 ? { claims } : undefined
    const left = this.#devices.claims.list().find(each => isExtendedClaimOf(pod.pod, each))
    return { claims, extended: { resources, ...(left === undefined ? {} : { left }) } }
  }

  filter(pod: PodInfo): NodeFilter | Rejection | undefined {
    const need = this.#needOf(pod)
    if (need === undefined) return undefined
    const problem = typeof need === 'string' ? need : this.#problem(pod, need)
    if (problem !== undefined) return rejection(problem)
    const planner = this.#planner(pod, need as Need)
    return {
      check: node => {
        const plan = planner(node)
        return typeof plan === 'string' ? rejection(plan) : undefined
      },
    }
  }

  /** Nodes where earlier alternatives of requests are to be had come first (KEP-4816). */
  score(pod: PodInfo): NodeScorer | undefined {
    const need = this.#needOf(pod)
    if (need === undefined || typeof need === 'string' || !need.claims.some(hasChoice)) return undefined
    const planner = this.#planner(pod, need)
    return {
      score(node) {
        const plan = planner(node)
        if (typeof plan === 'string') return 0
        return need.claims.reduce((sum, claim) => sum + preference(claim, plan.claims.get(claim.metadata.name)), 0)
      },
      normalise: scores => normaliseByHighest(scores, false),
    }
  }

  #problem(pod: PodInfo, { claims }: Need): string | undefined {
    const classes = this.#context.informers.informer(DeviceClasses).lister
    for (const claim of claims) {
      const { namespace, name: claimName } = claim.metadata
      const user = this.#devices.inFlight.get(`${namespace}/${claimName}`)
      if (user !== undefined && user !== pod.key) {
        return `resource claim ${namespace}/${claimName} is in the process of being allocated`
      }
      if (claim.status?.allocation !== undefined) {
        if (isFull(claim) && !isReservedFor(claim, pod)) return 'resourceclaim in use'
        continue
      }
      const problem = classProblem(claim, each => classes.get(each) !== undefined)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Works out, node by node, what to allocate there; or why nothing can be. */
  #planner(pod: PodInfo, { claims, extended }: Need): (node: NodeInfo) => NodePlan | string {
    const { informers, random, clock } = this.#context
    const classes = informers.informer(DeviceClasses).lister
    return allocationPlanner({
      pod: pod.pod,
      requests: pod.requests,
      claims,
      extended,
      pools: this.#devices.pools,
      allocations: () => this.#devices.allocations(),
      isLost: claim => this.#isLost(claim),
      classOf: each => classes.get(each),
      deviceClassFor: each => this.#devices.classFor(each),
      newShareId: () => uuid(random),
      now: () => clock.monotonic(),
      timeout: this.#filterTimeout,
    })
  }

  /** Whether the claim's devices cannot be prepared, or not in time. */
  #isLost(claim: ResourceClaim): boolean {
    try {
      return !isPrepared(claim) && isOverdue(claim, this.#bindingTimeout, this.#context.clock.now())
    } catch {
      return true
    }
  }

  /** An allocation that nobody uses and that is in the way of its own pod is taken back. */
  postFilter(pod: PodInfo, { cache }: ClusterView, failure: Failure): PostFilterResult | Promise<PostFilterResult> {
    // Upstream's plugin misses its notes of the pod where another one has rejected it before this one was asked, and says so.
    const { early } = failure
    const isAsked = early?.unresolvable !== true || early.plugin === name || LATER_PLUGINS.has(early.plugin)
    if (!isAsked) return { message: 'not found', last: true }
    const need = this.#needOf(pod)
    if (need === undefined || typeof need === 'string' || this.#problem(pod, need) !== undefined) {
      return { message: 'no new claims to deallocate' }
    }
    const stands = [...failure.rejections.counts.keys()].some(
      each => each.plugin === name && each.reasons.includes(NOT_HERE),
    )
    const isInTheWay = (claim: ResourceClaim): boolean => {
      const { allocation } = claim.status ?? {}
      if (!stands || allocation === undefined) return false
      const selects = allocation.nodeSelector && selectorMatcher(allocation.nodeSelector)
      return (selects && !cache.nodes.every(selects)) || this.#isLost(claim)
    }
    const idle = need.claims.find(
      claim => isInTheWay(claim) && (claim.status?.reservedFor ?? []).every(each => each.uid === pod.uid),
    )
    const done = (message: string) => (): PostFilterResult => ({ message })
    if (idle !== undefined) return this.#writer.deallocate(idle).then(done('deallocation of ResourceClaim completed'))
    const left = need.extended?.left
    if (left !== undefined) return this.#writer.delete(left).then(done('deletion of ResourceClaim completed'))
    return { message: 'still not schedulable' }
  }

  reserve(pod: PodInfo, node: NodeInfo): Rejection | undefined {
    const need = this.#needOf(pod)
    if (need === undefined) return undefined
    if (typeof need === 'string') return rejection(need)
    const plan = this.#planner(pod, need)(node)
    if (typeof plan === 'string') return rejection(plan)
    for (const claim of need.claims) {
      const allocation = plan.claims.get(claim.metadata.name)
      if (allocation === undefined) continue
      // So that pods that are looked at meanwhile do not get the same devices, nor the claim before it has them.
      this.#devices.claims.assume({ ...claim, status: { ...claim.status, allocation } })
      this.#devices.inFlight.set(`${pod.namespace}/${claim.metadata.name}`, pod.key)
    }
    if (plan.extended !== undefined) this.#devices.unseen.set(pod.key, { allocation: plan.extended.allocation })
    this.#work.set(pod.key, { plan, written: new Map() })
    return undefined
  }

  /** Whether something is to be done before the pod can be bound. */
  preBindPreFlight(pod: PodInfo): boolean {
    return this.#work.has(pod.key)
  }

  async preBind(pod: PodInfo, node: string, signal: AbortSignal): Promise<undefined> {
    const work = this.#work.get(pod.key)
    if (work === undefined) return undefined
    for (const [claimName, allocation] of work.plan.claims) {
      const claim = await this.#writer.bind(pod, claimName, allocation, signal)
      this.#devices.claims.assume(claim)
      work.written.set(claimName, claim)
      if (allocation !== undefined) this.#devices.inFlight.delete(`${pod.namespace}/${claimName}`)
    }
    if (work.plan.extended !== undefined) await this.#bindExtended(pod, work, work.plan.extended, signal)
    const pending = [...work.written.values()].filter(hasBindingConditions)
    if (pending.length === 0) return undefined
    const message = `waiting for binding conditions for device on node ${node}`
    this.#context.events.event(pod.pod, 'Normal', 'BindingConditionsPending', message, told(pod, 'Scheduling'))
    await this.#untilPrepared(pod, [...work.written.keys()], signal)
    return undefined
  }

  async #bindExtended(
    pod: PodInfo,
    work: Work,
    { requests, mappings, allocation }: NonNullable<NodePlan['extended']>,
    signal: AbortSignal,
  ): Promise<void> {
    work.made = await this.#writer.create(pod, requests, signal)
    const { name: claimName } = work.made.metadata
    this.#devices.unseen.set(pod.key, { allocation, claim: `${pod.namespace}/${claimName}` })
    const claim = await this.#writer.bind(pod, claimName, allocation, signal)
    this.#devices.claims.assume(claim)
    work.written.set(claimName, claim)
    await this.#writer.note(pod, { requestMappings: [...mappings], resourceClaimName: claimName })
  }

  /** @throws Error where a device cannot be prepared, or not in time. */
  async #untilPrepared(pod: PodInfo, names: readonly string[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    const begun = clock.monotonic()
    for (;;) {
      const changed = this.#claimChanged.promise
      const pending = names
        .map(each => this.#devices.claims.get(each, pod.namespace) ?? this.#work.get(pod.key)?.written.get(each))
        .filter(claim => claim !== undefined && !isPrepared(claim))
      const [first] = pending
      if (first === undefined) return
      if (isOverdue(first, this.#bindingTimeout, clock.now()) || clock.monotonic() - begun >= this.#bindingTimeout) {
        throw new Error(`device binding timeout: claim=${first.metadata.name}`)
      }
      const looked = new AbortController()
      const either = AbortSignal.any([signal, looked.signal])
      await Promise.race([changed, sleep(clock, Math.min(LOOK_INTERVAL, this.#bindingTimeout), either)])
      looked.abort()
      signal.throwIfAborted()
    }
  }

  postBind(pod: PodInfo): void {
    this.#work.delete(pod.key)
  }

  unreserve(pod: PodInfo): void {
    const work = this.#work.get(pod.key)
    if (work === undefined) return
    this.#work.delete(pod.key)
    this.#devices.unseen.delete(pod.key)
    const background = (what: Promise<void>, claim: string): void => {
      what.catch(error => this.#context.logger.debug('a claim stays as it is', { claim, error }))
    }
    for (const [claimName, allocation] of work.plan.claims) {
      const written = work.written.get(claimName)
      if (allocation !== undefined) this.#devices.inFlight.delete(`${pod.namespace}/${claimName}`)
      if (allocation !== undefined && written === undefined) this.#devices.claims.restore(claimName, pod.namespace)
      const claim = written ?? this.#devices.claims.known(claimName, pod.namespace)
      if (claim !== undefined && isReservedFor(claim, pod)) background(this.#writer.unreserve(pod, claim), claimName)
    }
    if (work.made !== undefined) background(this.#writer.delete(work.made), work.made.metadata.name)
  }
}
