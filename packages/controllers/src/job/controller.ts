/** Runs pods until enough of them have succeeded (kubernetes pkg/controller/job). */

import { Jobs, Pods } from '@canopus/api'
import type { Job } from '@canopus/api/batch/v1'
import type { Pod } from '@canopus/api/core/v1'
import { controllerOf, hasReason, labelSelector, matches, semanticEqual, withoutFinalizer } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { keyOf, type ResourceClient, splitKey } from '@canopus/client'
import {
  again,
  type Controller,
  type ControllerContext,
  claim,
  defineController,
  Expectations,
  type Key,
  OwnWrites,
  on,
  ownerKey,
  primary,
  type ReconcileResult,
  slowStart,
} from '@canopus/operator'
import { Gathering } from '../common/gathering.ts'
import { podTrigger } from '../common/pod-trigger.ts'
import { claimablePods, podInformer } from '../common/pods.ts'
import { staleSyncSkips } from '../common/stale-sync-skips.ts'
import { isNamespaceTerminating } from '../replica-set.ts'
import { type JobMetrics, jobMetrics, type SyncAction } from './job-metrics.ts'
import { type FailureStreak, isJobFinished, type JobPlan, planJob } from './plan.ts'
import { isTracked, jobPod, TRACKING } from './pods.ts'

const CONTROLLER_NAME = 'kubernetes.io/job-controller'
/** For instance where a quota is used up (`DefaultJobApiBackOff`, `MaxJobApiBackOff` upstream). */
const BACKOFF = { initialBackoff: 1000, maxBackoff: 60_000 }
/** Marks keys of pods whose job is gone. */
const ORPHAN = '!'

export function createJobController(context: ControllerContext): Controller {
  const jobs = context.informers.informer(Jobs)
  const pods = podInformer(context.informers)
  const expectations = new Expectations(context.clock)
  const streaks = new Map<Key, FailureStreak>()
  const gathering = new Gathering()
  const ownWrites = new OwnWrites([jobs, pods], staleSyncSkips(context, 'job_controller', 'Job'))
  const metrics = context.metrics && jobMetrics(context.metrics)
  const shell = new Shell(context, expectations, ownWrites, metrics)
  const jobOf = (pod: Pod): Job | undefined => {
    const job = jobs.lister.get(controllerOf(pod)?.name ?? '', pod.metadata.namespace)
    return job?.metadata.uid === controllerOf(pod)?.uid ? job : undefined
  }
  return defineController(context, {
    name: 'job-controller',
    backoff: BACKOFF,
    triggers: [
      primary(Jobs),
      podTrigger({
        context,
        owner: Jobs,
        expectations,
        gathering,
        selectorOf: job => labelSelector(job.spec.selector),
      }),
      // Pods must not hang on a finalizer that nobody will remove.
      on(Pods, ({ object, old, deleted }, enqueue) => {
        metrics?.podChanged(deleted ? object : old, deleted ? undefined : object)
        if (deleted || !isTracked(object)) shell.untracked.delete(object.metadata.uid)
        const isOrphan = !deleted && isTracked(object) && (!ownerKey(object, Jobs) || !jobOf(object))
        if (isOrphan) enqueue(`${ORPHAN}${keyOf(object)}`)
      }),
      on(Jobs, ({ object, old, deleted }, enqueue) => {
        const manager = object.spec.managedBy ?? CONTROLLER_NAME
        if (!deleted && old === undefined && manager !== CONTROLLER_NAME) metrics?.isExternal(manager)
        if (!deleted) return
        for (const pod of claimablePods(pods, object)) if (isTracked(pod)) enqueue(`${ORPHAN}${keyOf(pod)}`)
      }),
    ],
    async reconcile(key): Promise<ReconcileResult | undefined> {
      if (key.startsWith(ORPHAN)) {
        const { name, namespace } = splitKey(key.slice(ORPHAN.length))
        const pod = pods.lister.get(name, namespace)
        if (pod && isTracked(pod) && !jobOf(pod)) await shell.untrack(pod)
        return undefined
      }
      const { name, namespace } = splitKey(key)
      ownWrites.ensureSeen(key)
      expectations.creationsSeen(key)
      const job = jobs.lister.get(name, namespace)
      if (!job) {
        expectations.forget(key)
        gathering.note(key, 0)
        streaks.delete(key)
        return undefined
      }
      if ((job.spec.managedBy ?? CONTROLLER_NAME) !== CONTROLLER_NAME) return undefined
      const selector = labelSelector(job.spec.selector)
      // Asked before the pods are listed: what is observed while this waits is not in the list.
      const isSettled = expectations.satisfied(key)
      const own = await claim<Pod>({
        owner: job,
        ownerType: Jobs,
        candidates: claimablePods(pods, job).map(pod => shell.asKnown(pod)),
        matches: pod => matches(selector, pod.metadata.labels),
        client: context.client.resource(Pods),
        freshOwner: () => context.client.resource(Jobs).get(name, { namespace: namespace! }),
      })
      gathering.note(key, own.length)
      const plan = planJob({
        job,
        pods: own,
        now: context.clock.now(),
        streak: streaks.get(key),
      })
      const error = await shell.sync(job, plan, isSettled)
      if (plan.streak) streaks.set(key, plan.streak)
      else streaks.delete(key)
      if (error !== undefined) throw error
      return again(plan.waitMs, expectations.patience(key))
    },
  })
}

class Shell {
  readonly #context: ControllerContext
  readonly #expectations: Expectations
  readonly #ownWrites: OwnWrites
  readonly #metrics: JobMetrics | undefined
  /** Pods that lost their finalizer and, in the cache, may still have it. */
  readonly untracked = new Set<string>()

  constructor(
    context: ControllerContext,
    expectations: Expectations,
    ownWrites: OwnWrites,
    metrics: JobMetrics | undefined,
  ) {
    this.#context = context
    this.#expectations = expectations
    this.#ownWrites = ownWrites
    this.#metrics = metrics
  }

  /** Does what is planned; answers what went wrong while making pods. */
  async sync(job: Job, plan: JobPlan, mayManage: boolean): Promise<unknown> {
    const begun = this.#context.clock.monotonic()
    let error: unknown = 'interrupted'
    try {
      error = await this.#apply(job, plan, mayManage)
      return error
    } finally {
      const seconds = (this.#context.clock.monotonic() - begun) / 1000
      const result = error === undefined ? 'success' : 'error'
      if (!isJobFinished(job)) this.#metrics?.synced(job, actionOf(plan, mayManage), result, seconds)
    }
  }

  async #apply(job: Job, plan: JobPlan, mayManage: boolean): Promise<unknown> {
    const { client, events } = this.#context
    const status = { ...plan.status }
    let error: unknown
    if (mayManage) {
      for (const pod of plan.discard) {
        await this.untrack(pod)
        await this.#delete(job, pod)
      }
      await Promise.all(plan.stop.map(pod => this.#delete(job, pod)))
      const made = await this.#create(job, plan)
      error = made.error
      status.active = (status.active ?? 0) - (plan.create.length - made.succeeded)
    } else status.active = (status.active ?? 0) - plan.create.length
    if (!semanticEqual(status, job.status)) {
      // On a conflict the counting begins anew from what is there: nothing is counted twice.
      this.#ownWrites.wrote(keyOf(job), Jobs, await client.resource(Jobs).updateStatus({ ...job, status }))
      this.#metrics?.counted(job, status, plan)
      for (const { type, reason, message } of plan.events) events.event(job, type, reason, message)
    }
    await Promise.all(plan.untrack.map(pod => this.untrack(pod)))
    return error
  }

  /** Without the finalizer that we have taken away already, so that nothing is counted twice. */
  asKnown(pod: Pod): Pod {
    const { uid, finalizers } = pod.metadata
    if (!this.untracked.has(uid)) return pod
    return { ...pod, metadata: { ...pod.metadata, finalizers: withoutFinalizer(finalizers, TRACKING) } }
  }

  async untrack(pod: Pod): Promise<void> {
    const { name, namespace, uid, resourceVersion, finalizers } = pod.metadata
    if (!finalizers?.includes(TRACKING)) return
    const left = withoutFinalizer(finalizers, TRACKING)
    const patch = { metadata: { uid, resourceVersion, finalizers: left.length > 0 ? left : null } }
    const pods = this.#context.client.resource(Pods)
    try {
      const written = await pods.patch(name, 'merge', patch, { namespace: namespace! })
      const owner = ownerKey(pod, Jobs)
      if (owner !== undefined) this.#ownWrites.wrote(owner, Pods, written)
      this.#lose(pod)
    } catch (error) {
      if (hasReason(error, 'NotFound')) return
      if (!hasReason(error, 'Conflict')) throw error
      // It has changed since, if only because we have just deleted it.
      const current = await find(pods, name, namespace!)
      if (current?.metadata.uid !== uid) return
      // A conflict with nothing is the server's; the finalizer must go all the same, and nobody else brings this up again.
      if (current.metadata.resourceVersion === resourceVersion) throw error
      await this.untrack(current)
    }
  }

  /** Where the cache shows it already, there is nothing to remember. */
  #lose({ metadata: { name, namespace, uid } }: Pod): void {
    const cached = this.#context.informers.informer(Pods).lister.get(name, namespace)
    if (cached?.metadata.uid === uid && isTracked(cached)) this.untracked.add(uid)
  }

  async #create(job: Job, plan: JobPlan): Promise<{ succeeded: number; error: unknown }> {
    const { client, events } = this.#context
    const key = keyOf(job)
    const { create } = plan
    if (create.length === 0) return { succeeded: 0, error: undefined }
    this.#expectations.expectCreations(key, create.length)
    const { succeeded, error } = await slowStart(create.length, async at => {
      try {
        const pod = await client.resource(Pods).create(jobPod(job, create[at]!))
        this.#ownWrites.wrote(key, Pods, pod)
        events.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
      } catch (failure) {
        if (!isNamespaceTerminating(failure)) {
          const text = messageOf(failure)
          events.event(job, 'Warning', 'FailedCreate', `Error creating: ${text}`)
        }
        throw failure
      }
    })
    this.#metrics?.created(job, plan, succeeded, create.length - succeeded)
    if (succeeded < create.length) this.#expectations.lowerCreations(key, create.length - succeeded)
    return { succeeded, error: isNamespaceTerminating(error) ? undefined : error }
  }

  async #delete(job: Job, pod: Pod): Promise<void> {
    const { name, namespace, uid } = pod.metadata
    const { client, events } = this.#context
    this.#expectations.expectDeletions(keyOf(job), [uid])
    try {
      await client.resource(Pods).delete(name, { namespace: namespace!, body: { preconditions: { uid } } })
      events.event(job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
    } catch (error) {
      this.#expectations.deletionObserved(keyOf(job), uid)
      if (hasReason(error, 'NotFound')) return
      const text = messageOf(error)
      events.event(job, 'Warning', 'FailedDelete', `Error deleting: ${text}`)
      throw error
    }
  }
}

function actionOf(plan: JobPlan, mayManage: boolean): SyncAction {
  if (!mayManage) return 'reconciling'
  if (plan.create.length > 0) return 'pods_created'
  return plan.discard.length + plan.stop.length > 0 ? 'pods_deleted' : 'tracking'
}

async function find(pods: ResourceClient<Pod>, name: string, namespace: string): Promise<Pod | undefined> {
  try {
    return await pods.get(name, { namespace })
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}
