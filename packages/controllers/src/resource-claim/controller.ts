/**
 * Claims of devices (dynamic resource allocation): makes those that pods bring as templates, and gives back what nobody uses any
 * more. Behaviour: kubernetes pkg/controller/resourceclaim/controller.go.
 */
import { Pods, ResourceClaims, ResourceClaimTemplates } from '@canopus/api'
import type { Pod, PodResourceClaim, PodResourceClaimStatus } from '@canopus/api/core/v1'
import type { ResourceClaim, ResourceClaimConsumerReference } from '@canopus/api/resource/v1'
import { type Draft, hasReason } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { type Informer, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, type Enqueue, on } from '@canopus/operator'
import { type ClaimMetrics, claimMetrics } from './claim-metrics.ts'
import {
  CLAIM_FINALIZER,
  claimFromTemplate,
  claimOf,
  isDone,
  isMadeFor,
  mayReserve,
  owningPod,
  planClaim,
  withReservation,
} from './plan.ts'

const POD = 'pod:'
const CLAIM = 'claim:'
const BY_OWNER = 'owning pod'
const BY_CLAIM = 'claims of pods'
const FIELD_MANAGER = 'ResourceClaimController'

const ownerOf = (claim: ResourceClaim): string[] => [owningPod(claim)?.uid ?? '']

export function createResourceClaimController(context: ControllerContext): Controller {
  const claims = context.informers.informer(ResourceClaims)
  const pods = context.informers.informer(Pods)
  claims.addIndex(BY_OWNER, ownerOf)
  pods.addIndex(BY_CLAIM, claimKeysOf)
  const work = new ClaimWork(context, claims, pods)
  return defineController(context, {
    name: 'resourceclaim-controller',
    workers: 10,
    triggers: [
      on(Pods, ({ object: pod, deleted }, enqueue) => {
        if ((pod.spec?.resourceClaims ?? []).length === 0) return
        if (deleted) work.forget(pod)
        if (deleted || isDone(pod)) wakeClaims(pod, claims, enqueue)
        else enqueue(`${POD}${pod.metadata.namespace}/${pod.metadata.name}`)
      }),
      on(ResourceClaims, ({ object: claim, deleted }, enqueue) => {
        const key = `${claim.metadata.namespace}/${claim.metadata.name}`
        if (!deleted) enqueue(`${CLAIM}${key}`)
        for (const pod of pods.lister.byIndex(BY_CLAIM, key)) {
          enqueue(`${POD}${pod.metadata.namespace}/${pod.metadata.name}`)
        }
      }),
      on(ResourceClaimTemplates, ({ object: template, old, deleted }, enqueue) => {
        if (old || deleted) return
        for (const pod of pods.lister.list(template.metadata.namespace)) {
          const waits = pod.spec?.resourceClaims?.some(
            each => each.resourceClaimTemplateName === template.metadata.name,
          )
          if (waits) enqueue(`${POD}${pod.metadata.namespace}/${pod.metadata.name}`)
        }
      }),
    ],
    async reconcile(key) {
      const isPod = key.startsWith(POD)
      const { name, namespace = '' } = splitKey(key.slice((isPod ? POD : CLAIM).length))
      if (isPod) await work.syncPod(pods.lister.get(name, namespace))
      else await work.syncClaim(claims.lister.get(name, namespace))
      return undefined
    },
  })
}

function claimKeysOf(pod: Pod): string[] {
  return (pod.spec?.resourceClaims ?? []).flatMap(each => {
    const found = claimOf(pod, each)
    return found.kind === 'named' ? [`${pod.metadata.namespace}/${found.name}`] : []
  })
}

function wakeClaims(pod: Pod, claims: Informer<ResourceClaim>, enqueue: Enqueue): void {
  for (const key of claimKeysOf(pod)) enqueue(`${CLAIM}${key}`)
  for (const claim of claims.lister.byIndex(BY_OWNER, pod.metadata.uid)) {
    enqueue(`${CLAIM}${claim.metadata.namespace}/${claim.metadata.name}`)
  }
}

class ClaimWork {
  readonly #context: ControllerContext
  readonly #claims: Informer<ResourceClaim>
  readonly #pods: Informer<Pod>
  readonly #metrics: ClaimMetrics | undefined
  /** Claims made here that the cache may not show yet, by the pod's uid and the name under which it uses them. */
  readonly #made = new Map<string, string>()

  constructor(context: ControllerContext, claims: Informer<ResourceClaim>, pods: Informer<Pod>) {
    this.#context = context
    this.#claims = claims
    this.#pods = pods
    this.#metrics = context.metrics && claimMetrics(context.metrics)
    if (this.#metrics) this.#metrics.claims = () => claims.lister.list()
    context.informers.informer(ResourceClaimTemplates)
  }

  forget({ metadata, spec }: Pod): void {
    for (const { name } of spec?.resourceClaims ?? []) this.#made.delete(`${metadata.uid}/${name}`)
  }

  async syncPod(pod: Pod | undefined): Promise<void> {
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || isDone(pod)) return
    const found: PodResourceClaimStatus[] = []
    for (const wanted of pod.spec?.resourceClaims ?? []) {
      try {
        const name = await this.#ensure(pod, wanted)
        if (name !== undefined) found.push({ name: wanted.name, resourceClaimName: name })
      } catch (error) {
        const text = `PodResourceClaim ${wanted.name}: ${messageOf(error)}`
        this.#context.events.event(pod, 'Warning', 'FailedResourceClaimCreation', text)
        throw error
      }
    }
    if (found.length > 0) await this.#note(pod, found)
    if (pod.spec?.nodeName) await this.#reserve(pod)
  }

  /** Makes the claim that a template asks for; answers its name where the pod's status does not have it. */
  async #ensure(pod: Pod, wanted: PodResourceClaim): Promise<string | undefined> {
    const { namespace = '', uid } = pod.metadata
    const known = claimOf(pod, wanted)
    if (known.kind === 'needless') return undefined
    if (known.kind === 'named') {
      const claim = this.#claims.lister.get(known.name, namespace)
      const key = `${uid}/${wanted.name}`
      if (!known.ours || (claim ? isMadeFor(claim, pod, wanted.name) : this.#made.get(key) === known.name)) {
        return undefined
      }
    }
    const orphan = this.#claims.lister.byIndex(BY_OWNER, uid).find(claim => isMadeFor(claim, pod, wanted.name))
    const key = `${uid}/${wanted.name}`
    const name = orphan?.metadata.name ?? this.#made.get(key)
    if (name !== undefined) return name
    const templateName = wanted.resourceClaimTemplateName ?? ''
    const template = this.#context.informers.informer(ResourceClaimTemplates).lister.get(templateName, namespace)
    if (template === undefined) {
      const missing = `resourceclaimtemplate.resource.k8s.io "${templateName}" not found`
      throw new Error(`resource claim template ${JSON.stringify(templateName)}: ${missing}`)
    }
    const made = await this.#create(claimFromTemplate(pod, wanted.name, template))
    this.#made.set(key, made.metadata.name)
    return made.metadata.name
  }

  async #create(draft: Draft<ResourceClaim>): Promise<ResourceClaim> {
    try {
      const made = await this.#context.client.resource(ResourceClaims).create(draft)
      this.#metrics?.created(draft, 'success')
      return made
    } catch (error) {
      this.#metrics?.created(draft, 'failure')
      throw new Error(`create ResourceClaim : ${messageOf(error)}`)
    }
  }

  /** All of the pod's claims at once: an apply that leaves one out would take it away. */
  async #note(pod: Pod, found: readonly PodResourceClaimStatus[]): Promise<void> {
    const { name, namespace = '', uid } = pod.metadata
    const names = new Set(found.map(each => each.name))
    const kept = (pod.status?.resourceClaimStatuses ?? []).filter(each => !names.has(each.name))
    const patch = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, uid },
      status: { resourceClaimStatuses: [...kept, ...found] },
    }
    await this.#context.client
      .resource(Pods)
      .patch(name, 'apply', patch, { namespace, subresource: 'status', fieldManager: FIELD_MANAGER, force: true })
  }

  /** The scheduler notes pods as users; for pods that it has not bound that is done here. */
  async #reserve(pod: Pod): Promise<void> {
    const { namespace = '' } = pod.metadata
    for (const wanted of pod.spec?.resourceClaims ?? []) {
      const known = claimOf(pod, wanted)
      if (known.kind !== 'named') continue
      const claim = this.#claims.lister.get(known.name, namespace)
      if (claim === undefined || (known.ours && !isMadeFor(claim, pod, wanted.name))) continue
      if (!mayReserve(claim, pod)) continue
      await this.#context.client.resource(ResourceClaims).updateStatus(withReservation(claim, pod))
    }
  }

  async syncClaim(claim: ResourceClaim | undefined): Promise<void> {
    if (claim === undefined) return
    const resource = this.#context.client.resource(ResourceClaims)
    const valid: ResourceClaimConsumerReference[] = []
    for (const consumer of claim.status?.reservedFor ?? []) {
      if ((consumer.apiGroup ?? '') !== '' || consumer.resource !== 'pods') {
        throw new Error(`unsupported ReservedFor entry: ${JSON.stringify(consumer)}`)
      }
      if (await this.#isUsing(consumer, claim.metadata.namespace ?? '')) valid.push(consumer)
    }
    const plan = planClaim(claim, valid)
    let current = claim
    if (plan.status !== undefined) current = await resource.updateStatus({ ...claim, status: plan.status })
    if (plan.release) {
      const finalizers = (current.metadata.finalizers ?? []).filter(each => each !== CLAIM_FINALIZER)
      await resource.update({ ...current, metadata: { ...current.metadata, finalizers } })
    }
    if (plan.unused) await this.#deleteNeedless(claim)
  }

  async #isUsing({ name, uid }: ResourceClaimConsumerReference, namespace: string): Promise<boolean> {
    let pod = this.#pods.lister.get(name, namespace)
    if (pod === undefined) {
      // The cache may be behind the scheduler: nothing is taken from a pod that is only about to be seen.
      pod = await this.#context.client
        .resource(Pods)
        .get(name, { namespace })
        .catch(error => {
          if (hasReason(error, 'NotFound')) return undefined
          throw error
        })
      return pod?.metadata.uid === uid
    }
    return pod.metadata.uid === uid && !isDone(pod)
  }

  /** Claims made for a pod that will not run go before the pod itself does. */
  async #deleteNeedless(claim: ResourceClaim): Promise<void> {
    const owner = owningPod(claim)
    const pod = owner && this.#pods.lister.get(owner.name, claim.metadata.namespace)
    if (pod === undefined || claim.metadata.deletionTimestamp !== undefined) return
    if (pod.metadata.uid === owner?.uid && !isDone(pod)) return
    const { name, namespace = '', uid } = claim.metadata
    await this.#context.client
      .resource(ResourceClaims)
      .delete(name, { namespace, body: { preconditions: { uid } } })
      .catch(error => {
        if (!hasReason(error, 'NotFound')) throw error
      })
  }
}
