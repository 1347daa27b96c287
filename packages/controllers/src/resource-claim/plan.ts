/** What is decided about claims of devices. Pure. Behaviour: kubernetes pkg/controller/resourceclaim, k8s.io/dynamic-resource-allocation/resourceclaim. */
import { Pods } from '@canopus/api'
import type { Pod, PodResourceClaim } from '@canopus/api/core/v1'
import type { ResourceClaim, ResourceClaimConsumerReference, ResourceClaimTemplate } from '@canopus/api/resource/v1'
import {
  clone,
  controllerOf,
  controllerReference,
  type Draft,
  hasFinalizer,
  isControlledBy,
} from '@canopus/apimachinery'
import { isFinished } from '../common/pods.ts'

export const POD_CLAIM_ANNOTATION = 'resource.kubernetes.io/pod-claim-name'
export const CLAIM_FINALIZER = 'resource.kubernetes.io/delete-protection'

/** Leaves room for what the API server appends to a generated name. */
const LONGEST_BASE = 57
const MOST_CONSUMERS = 256

/** Nothing runs of the pod, and nothing will. */
export const isDone = (pod: Pod): boolean =>
  isFinished(pod) || (pod.metadata.deletionTimestamp !== undefined && !pod.spec?.nodeName)

/** The claim that a pod uses under a name: its own, one made for it (`ours`), none needed, or one still to be made. */
export type NamedClaim = { kind: 'named'; name: string; ours: boolean } | { kind: 'needless' } | { kind: 'missing' }

export function claimOf(
  pod: Pod,
  { name, resourceClaimName, resourceClaimTemplateName }: PodResourceClaim,
): NamedClaim {
  if (resourceClaimName !== undefined) return { kind: 'named', name: resourceClaimName, ours: false }
  if (resourceClaimTemplateName === undefined) return { kind: 'needless' }
  const status = pod.status?.resourceClaimStatuses?.find(each => each.name === name)
  if (status === undefined) return { kind: 'missing' }
  if (status.resourceClaimName === undefined) return { kind: 'needless' }
  return { kind: 'named', name: status.resourceClaimName, ours: true }
}

/** Whether the claim was made for the pod under this name. */
export const isMadeFor = (claim: ResourceClaim, pod: Pod, name: string): boolean =>
  isControlledBy(claim, pod) && claim.metadata.annotations?.[POD_CLAIM_ANNOTATION] === name

/** What a claim made of a template is called before the API server completes the name. */
export function claimNameBase(pod: string, name: string): string {
  const base = `${pod}-${name}-`
  if (base.length <= LONGEST_BASE) return base
  const share = (text: string): string => text.slice(0, Math.floor((text.length * LONGEST_BASE) / base.length))
  return `${share(pod)}-${share(name)}`
}

export function claimFromTemplate(pod: Pod, name: string, { spec }: ResourceClaimTemplate): Draft<ResourceClaim> {
  const { labels, annotations } = spec.metadata ?? {}
  return {
    metadata: {
      generateName: claimNameBase(pod.metadata.name, name),
      namespace: pod.metadata.namespace!,
      annotations: { ...annotations, [POD_CLAIM_ANNOTATION]: name },
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ownerReferences: [controllerReference(pod, Pods)],
    },
    spec: clone(spec.spec),
  }
}

const isConsumer = (pod: Pod) => (each: ResourceClaimConsumerReference) => each.uid === pod.metadata.uid

/** Whether a pod that somebody bound past the scheduler may still be noted as a user of the claim. */
export function mayReserve(claim: ResourceClaim, pod: Pod): boolean {
  const { allocation, reservedFor = [] } = claim.status ?? {}
  return allocation !== undefined && !reservedFor.some(isConsumer(pod)) && reservedFor.length < MOST_CONSUMERS
}

export function withReservation(claim: ResourceClaim, pod: Pod): ResourceClaim {
  const { name, uid } = pod.metadata
  const reservedFor = [...(claim.status?.reservedFor ?? []), { resource: 'pods', name, uid }]
  return { ...claim, status: { ...claim.status, reservedFor } }
}

export interface ClaimPlan {
  /** The status to write, where it changes. */
  status: NonNullable<ResourceClaim['status']> | undefined
  /** Whether the finalizer goes afterwards. */
  release: boolean
  /** Whether nobody uses the claim any more. */
  unused: boolean
}

/**
 * What becomes of a claim of whose users these are left. The last one's going gives the devices back; that nobody has used
 * them yet does not.
 */
export function planClaim(claim: ResourceClaim, valid: readonly ResourceClaimConsumerReference[]): ClaimPlan {
  const { reservedFor = [], allocation, ...rest } = claim.status ?? {}
  const protectedBy = hasFinalizer(claim, CLAIM_FINALIZER)
  const unused = valid.length === 0
  const status = (keep: boolean): NonNullable<ResourceClaim['status']> => ({
    ...rest,
    ...(keep && allocation !== undefined ? { allocation } : {}),
    ...(unused ? {} : { reservedFor: [...valid] }),
  })
  if (valid.length < reservedFor.length) {
    const keep = !(unused && protectedBy)
    return { status: status(keep), release: protectedBy && (!keep || allocation === undefined), unused }
  }
  if (protectedBy && claim.metadata.deletionTimestamp !== undefined && unused) {
    return { status: allocation === undefined ? undefined : status(false), release: true, unused }
  }
  return { status: undefined, release: false, unused }
}

/** The pod that a claim was made for, by its owner reference. */
export function owningPod(claim: ResourceClaim): { name: string; uid: string } | undefined {
  const owner = controllerOf(claim)
  return owner?.kind === 'Pod' && owner.apiVersion === 'v1' ? { name: owner.name, uid: owner.uid } : undefined
}
