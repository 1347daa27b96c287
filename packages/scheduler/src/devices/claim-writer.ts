import { Pods, ResourceClaims } from '@canopus/api'
import type { PodExtendedResourceClaimStatus } from '@canopus/api/core/v1'
import type { AllocationResult, DeviceRequest, ResourceClaim } from '@canopus/api/resource/v1'
import { formatTime, hasReason } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import type { PluginContext } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import { extendedClaimDraft } from './extended-resources.ts'

const FINALIZER = 'resource.kubernetes.io/delete-protection'
/** How often a write is tried when others write at the same time. */
const ATTEMPTS = 5

export const isReservedFor = ({ status }: ResourceClaim, { uid }: PodInfo): boolean =>
  status?.reservedFor?.some(each => each.uid === uid) === true

/** What the scheduler writes about claims: allocations, for whom they are reserved, and the claims that are its own. */
export class ClaimWriter {
  readonly #context: Pick<PluginContext, 'client' | 'clock' | 'metrics'>

  constructor(context: Pick<PluginContext, 'client' | 'clock' | 'metrics'>) {
    this.#context = context
  }

  /** Writes the allocation, where one was decided, and that the claim is reserved for the pod. */
  async bind(
    pod: PodInfo,
    name: string,
    allocation: AllocationResult | undefined,
    signal: AbortSignal,
  ): Promise<ResourceClaim> {
    const api = this.#context.client.resource(ResourceClaims)
    const about = `${pod.namespace}/${name}`
    return this.#again(async () => {
      let claim = await api.get(name, { namespace: pod.namespace, signal })
      if (claim.metadata.deletionTimestamp) throw new Error(`claim ${about} got deleted in the meantime`)
      if (isReservedFor(claim, pod) && (allocation === undefined || claim.status?.allocation !== undefined))
        return claim
      let status = claim.status ?? {}
      if (allocation !== undefined) {
        if (status.allocation !== undefined) throw new Error(`claim ${about} got allocated elsewhere in the meantime`)
        if (!claim.metadata.finalizers?.includes(FINALIZER)) {
          const finalizers = [...(claim.metadata.finalizers ?? []), FINALIZER]
          claim = await api.update({ ...claim, metadata: { ...claim.metadata, finalizers } }, { signal })
        }
        status = { ...status, allocation }
      }
      if (status.allocation === undefined) throw new Error(`claim ${about} got deallocated elsewhere in the meantime`)
      const consumer = { resource: 'pods', name: pod.pod.metadata.name, uid: pod.uid }
      const since = status.allocation.allocationTimestamp ?? formatTime(this.#context.clock.now())
      status = {
        ...status,
        allocation: { ...status.allocation, allocationTimestamp: since },
        reservedFor: [...(status.reservedFor ?? []), consumer],
      }
      return api.updateStatus({ ...claim, status }, { signal })
    })
  }

  /** Makes the claim for extended resources of the pod. */
  async create(pod: PodInfo, requests: readonly DeviceRequest[], signal: AbortSignal): Promise<ResourceClaim> {
    const draft = extendedClaimDraft(pod.pod, requests)
    try {
      const claim = await this.#context.client.resource(ResourceClaims).create(draft, { signal })
      this.#context.metrics?.claimsCreated.with('success').add()
      return claim
    } catch (error) {
      this.#context.metrics?.claimsCreated.with('failure').add()
      const problem = messageOf(error)
      throw new Error(`create claim for extended resources ${pod.namespace}/: ${problem}`, { cause: error })
    }
  }

  /** Says on the pod which claim its extended resources come from. */
  async note(pod: PodInfo, extendedResourceClaimStatus: PodExtendedResourceClaimStatus): Promise<void> {
    const patch = { metadata: { uid: pod.uid }, status: { extendedResourceClaimStatus } }
    await this.#context.client
      .resource(Pods)
      .patch(pod.pod.metadata.name, 'strategic', patch, { namespace: pod.namespace, subresource: 'status' })
  }

  /** Gives the claim's devices back. */
  async deallocate(claim: ResourceClaim): Promise<void> {
    await this.#context.client.resource(ResourceClaims).updateStatus({ ...claim, status: {} })
  }

  /** The pod does not need the claim after all. */
  async unreserve(pod: PodInfo, { metadata }: ResourceClaim): Promise<void> {
    const patch = { metadata: { uid: metadata.uid }, status: { reservedFor: [{ $patch: 'delete', uid: pod.uid }] } }
    const where = { namespace: pod.namespace, subresource: 'status' } as const
    await this.#context.client.resource(ResourceClaims).patch(metadata.name, 'strategic', patch, where)
  }

  /** Removes a claim that the scheduler has made. */
  async delete({ metadata }: ResourceClaim): Promise<void> {
    const api = this.#context.client.resource(ResourceClaims)
    const { name, namespace = '', uid } = metadata
    await this.#again(async () => {
      const claim = await api.get(name, { namespace })
      if (claim.metadata.uid !== uid || !claim.metadata.finalizers?.includes(FINALIZER)) return
      const finalizers = claim.metadata.finalizers.filter(each => each !== FINALIZER)
      await api.update({ ...claim, metadata: { ...claim.metadata, finalizers } })
    })
    await api.delete(name, { namespace, body: { preconditions: { uid } } })
  }

  async #again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (attempt >= ATTEMPTS || !hasReason(error, 'Conflict')) throw error
      }
    }
  }
}
