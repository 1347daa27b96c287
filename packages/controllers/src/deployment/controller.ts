/**
 * Rolls templates out: one replica set per template, sized so that enough pods serve all the while.
 * Behaviour: kubernetes pkg/controller/deployment.
 */

import { Deployments, Pods, ReplicaSets } from '@canopus/api'
import type { Deployment, DeploymentStatus, ReplicaSet } from '@canopus/api/apps/v1'
import { hasReason, labelSelector, matches, semanticEqual } from '@canopus/apimachinery'
import { keyOf, splitKey } from '@canopus/client'
import {
  type Controller,
  type ControllerContext,
  claim,
  defineController,
  on,
  owned,
  ownerKey,
  primary,
  type ReconcileResult,
} from '@canopus/operator'
import { podInformer, podsOf } from '../common/pods.ts'
import { ensureNewSet, noteRevision, resizeAll } from './replica-sets.ts'
import { findNew, revisionOf } from './revision.ts'
import { planRollback, rollbackRevision } from './rollback.ts'
import { isScaling, planRolling, planScale, type Resize, sizeOf, totalActual, wantedOf } from './rolling.ts'
import { countsOf, deadlineIn, isComplete, newCondition, rolloutStatus, set } from './status.ts'

export function createDeploymentController(context: ControllerContext): Controller {
  const deployments = context.informers.informer(Deployments)
  const sets = context.informers.informer(ReplicaSets)
  podInformer(context.informers)
  return defineController(context, {
    name: 'deployment-controller',
    triggers: [
      primary(Deployments),
      owned(ReplicaSets, Deployments),
      // An orphan may be adopted.
      on(ReplicaSets, ({ object, deleted }, enqueue) => {
        if (deleted || object.metadata.ownerReferences?.some(reference => reference.controller)) return
        for (const deployment of deployments.lister.list(object.metadata.namespace)) {
          if (matches(labelSelector(deployment.spec.selector), object.metadata.labels)) enqueue(keyOf(deployment))
        }
      }),
      // Recreate waits for the last old pod.
      on(Pods, ({ object, deleted }, enqueue) => {
        const setKey = deleted ? ownerKey(object, ReplicaSets) : undefined
        if (setKey === undefined) return
        const { name, namespace } = splitKey(setKey)
        const owner = sets.lister.get(name, namespace)
        const key = owner && ownerKey(owner, Deployments)
        if (key !== undefined) enqueue(key)
      }),
    ],
    async reconcile(key): Promise<ReconcileResult | undefined> {
      const { name, namespace } = splitKey(key)
      const deployment = deployments.lister.get(name, namespace)
      if (!deployment) return undefined
      if (semanticEqual(deployment.spec.selector, {})) {
        const text = 'This deployment is selecting all pods. A non-empty selector is required.'
        context.events.event(deployment, 'Warning', 'SelectingAll', text)
        return undefined
      }
      const selector = labelSelector(deployment.spec.selector)
      const all = await claim<ReplicaSet>({
        owner: deployment,
        ownerType: Deployments,
        candidates: sets.lister.list(namespace),
        matches: object => matches(selector, object.metadata.labels),
        client: context.client.resource(ReplicaSets),
        freshOwner: () => context.client.resource(Deployments).get(name, { namespace: namespace! }),
      })
      return new Sync(context, await notePause(context, deployment), all).run()
    },
  })
}

/** Pausing and resuming is told by the condition, so that the time spent paused does not count against the deadline. */
async function notePause(context: ControllerContext, deployment: Deployment): Promise<Deployment> {
  if (deployment.spec.progressDeadlineSeconds === undefined || deployment.metadata.deletionTimestamp) return deployment
  const current = deployment.status?.conditions?.find(each => each.type === 'Progressing')
  if (current?.reason === 'ProgressDeadlineExceeded') return deployment
  const notedAsPaused = current?.reason === 'DeploymentPaused'
  const isPaused = deployment.spec.paused === true
  if (isPaused === notedAsPaused) return deployment
  const now = context.clock.now()
  const condition = isPaused
    ? newCondition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', now)
    : newCondition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now)
  const conditions = set(deployment.status?.conditions ?? [], condition)
  const status = { ...deployment.status, conditions }
  return context.client.resource(Deployments).updateStatus({ ...deployment, status })
}

/** One reconcile of one deployment. */
class Sync {
  readonly #context: ControllerContext
  #deployment: Deployment
  readonly #all: readonly ReplicaSet[]
  #newSet: ReplicaSet | undefined
  #old: readonly ReplicaSet[]

  constructor(context: ControllerContext, deployment: Deployment, all: readonly ReplicaSet[]) {
    this.#context = context
    this.#deployment = deployment
    this.#all = all
    this.#newSet = findNew(deployment, all)
    this.#old = all.filter(each => each !== this.#newSet)
  }

  async run(): Promise<ReconcileResult | undefined> {
    const deployment = this.#deployment
    if (deployment.metadata.deletionTimestamp) return this.#write(countsOf(deployment, this.#seen()))
    if (!deployment.spec.paused && rollbackRevision(deployment) !== undefined) return this.#goBack()
    if (deployment.spec.paused || isScaling(deployment, this.#all)) {
      if (this.#newSet) await this.#takeNewSet()
      await this.#resize(planScale(this.#deployment, this.#newSet, this.#old))
      if (deployment.spec.paused) await this.#cleanUp()
      return this.#write(countsOf(this.#deployment, this.#seen()))
    }
    if (deployment.spec.strategy?.type === 'Recreate') await this.#recreate()
    else {
      await this.#takeNewSet()
      if (await this.#resize(planRolling(this.#deployment, this.#newSet!, this.#old))) return this.#writeRollout()
    }
    if (isComplete(this.#deployment, this.#deployment.status ?? {})) await this.#cleanUp()
    return this.#writeRollout()
  }

  /** To an older template where that is asked for; what follows from it is for the next reconcile. */
  async #goBack(): Promise<undefined> {
    await this.#takeNewSet()
    const rollback = planRollback(this.#deployment, [...this.#old, this.#newSet!])
    if (!rollback) return
    const { client, events } = this.#context
    const deployment = await client.resource(Deployments).update(rollback.deployment)
    events.event(deployment, rollback.event.type, rollback.event.reason, rollback.event.message)
  }

  /** Nothing old may run when the first new pod is made. */
  async #recreate(): Promise<void> {
    if (this.#newSet) await this.#takeNewSet()
    const running = this.#old.filter(each => sizeOf(each) > 0)
    if (await this.#resize(running.map(each => ({ set: each, replicas: 0 })))) return
    if (this.#oldPodsRun()) return
    if (!this.#newSet) await this.#takeNewSet()
    await this.#resize([{ set: this.#newSet!, replicas: wantedOf(this.#deployment) }])
  }

  #oldPodsRun(): boolean {
    if (totalActual(this.#old) > 0) return true
    const pods = podInformer(this.#context.informers)
    return this.#old
      .flatMap(each => podsOf(pods, each))
      .some(pod => pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded')
  }

  /** Makes the replica set of the current template where it is missing, and brings its revision up to date. */
  async #takeNewSet(): Promise<void> {
    const { set: newSet, deployment } = await ensureNewSet(this.#context, this.#deployment, this.#newSet, this.#old)
    this.#newSet = newSet
    this.#deployment = await noteRevision(this.#context, deployment, newSet)
  }

  /** Whether anything was resized. */
  async #resize(resizes: readonly Resize[]): Promise<boolean> {
    const done = await resizeAll(this.#context, this.#deployment, resizes)
    for (const [before, after] of done) {
      if (before === this.#newSet) this.#newSet = after
      else this.#old = this.#old.map(each => (each === before ? after : each))
    }
    return [...done].some(([before, after]) => sizeOf(before) !== sizeOf(after))
  }

  /** Deletes the oldest empty replica sets beyond the history limit. */
  async #cleanUp(): Promise<void> {
    const limit = this.#deployment.spec.revisionHistoryLimit
    if (limit === undefined || limit === 2_147_483_647) return
    const candidates = this.#old.filter(each => !each.metadata.deletionTimestamp)
    const oldest = [...candidates].sort((a, b) => Number(revisionOf(a) - revisionOf(b)))
    for (const each of oldest.slice(0, Math.max(0, candidates.length - limit))) {
      const { name, namespace, generation } = each.metadata
      const isSettled = (each.status?.observedGeneration ?? 0) >= (generation ?? 0)
      if ((each.status?.replicas ?? 0) !== 0 || sizeOf(each) !== 0 || !isSettled) continue
      await this.#context.client
        .resource(ReplicaSets)
        .delete(name, { namespace: namespace! })
        .catch(error => {
          if (!hasReason(error, 'NotFound')) throw error
        })
    }
  }

  #seen() {
    return { newSet: this.#newSet, old: this.#old, now: this.#context.clock.now() }
  }

  #writeRollout(): Promise<ReconcileResult | undefined> {
    return this.#write(rolloutStatus(this.#deployment, this.#seen()))
  }

  async #write(status: DeploymentStatus): Promise<ReconcileResult | undefined> {
    const { clock, client } = this.#context
    let current = this.#deployment
    if (!semanticEqual(status, current.status)) {
      // The status is of this very state: on a conflict it must be computed anew, by the next reconcile.
      current = await client.resource(Deployments).updateStatus({ ...current, status })
    }
    const wait = isComplete(current, status) ? undefined : deadlineIn({ ...current, status }, clock.now())
    const isWaiting =
      wait !== undefined && status.conditions?.some(each => each.reason === 'ProgressDeadlineExceeded') !== true
    return isWaiting && !current.spec.paused ? { requeueAfter: wait + 1_000 } : undefined
  }
}
