/**
 * Keeps as many pods of a template running as wished: replica sets, and replication controllers, which are the same thing
 * with an older selector. Behaviour: kubernetes pkg/controller/replicaset.
 */

import { Pods, ReplicaSets, ReplicationControllers } from '@canopus/api'
import type { ReplicaSet } from '@canopus/api/apps/v1'
import type { Pod, PodTemplateSpec, ReplicationController } from '@canopus/api/core/v1'
import {
  formatTime,
  hasReason,
  type KubeObject,
  labelSelector,
  labelSetSelector,
  matches,
  type ResourceType,
  type Selector,
  StatusError,
  semanticEqual,
} from '@canopus/apimachinery'
import { type Histogram, messageOf } from '@canopus/base'
import { keyOf, splitKey } from '@canopus/client'
import {
  again,
  type Controller,
  type ControllerContext,
  claim,
  defineController,
  Expectations,
  type Key,
  OwnWrites,
  patchStatus,
  type ReconcileResult,
  slowStart,
} from '@canopus/operator'
import { deletionAges, observeAges } from './common/deletion-ages.ts'
import { Gathering } from './common/gathering.ts'
import { rankForDeletion } from './common/pod-rank.ts'
import { ownerTrigger, podTrigger } from './common/pod-trigger.ts'
import {
  availableIn,
  claimablePods,
  isActive,
  isReady,
  isTerminating,
  nextAvailable,
  podFromTemplate,
  podInformer,
} from './common/pods.ts'
import { staleSyncSkips } from './common/stale-sync-skips.ts'

/** What both kinds have in common. */
type Replicas = ReplicaSet | ReplicationController
type Status = NonNullable<ReplicaSet['status']>

/** How many pods at most are made or removed in one go. */
const BURST = 500

interface Flavour<T extends KubeObject> {
  name: string
  type: ResourceType<T>
  selectorOf(object: T): Selector
}

export const createReplicaSetController = (context: ControllerContext): Controller =>
  createController<ReplicaSet>(context, {
    name: 'replicaset-controller',
    type: ReplicaSets,
    selectorOf: object => labelSelector(object.spec.selector),
  })

export const createReplicationController = (context: ControllerContext): Controller =>
  createController<ReplicationController>(context, {
    name: 'replicationcontroller-controller',
    type: ReplicationControllers,
    selectorOf: object => labelSetSelector(object.spec?.selector),
  })

export type Scaling = { type: 'none' } | { type: 'create'; count: number } | { type: 'delete'; pods: readonly Pod[] }

/** From the pods that are there to the number that is wished. `related` share the load; asked where some must go. */
export function planScaling(
  wanted: number,
  active: readonly Pod[],
  related: () => readonly Pod[],
  now: number,
): Scaling {
  const missing = wanted - active.length
  if (missing > 0) return { type: 'create', count: Math.min(missing, BURST) }
  if (missing === 0) return { type: 'none' }
  const count = Math.min(-missing, BURST)
  return { type: 'delete', pods: rankForDeletion(active, related(), now).slice(0, count) }
}

export interface Observed {
  pods: readonly Pod[]
  /** What went wrong while scaling, if anything. */
  failure: { reason: 'FailedCreate' | 'FailedDelete'; message: string } | undefined
  now: number
}

/** The status that these pods make. */
export function statusOf(object: Replicas, { pods, failure, now }: Observed): Status {
  const others = (object.status?.conditions ?? []).filter(condition => condition.type !== 'ReplicaFailure')
  const known = object.status?.conditions?.find(condition => condition.type === 'ReplicaFailure')
  const conditions = failure
    ? [
        ...others,
        // The first failure stays until it is over: later ones tend to be its echoes.
        known ?? { type: 'ReplicaFailure', status: 'True', lastTransitionTime: formatTime(now), ...failure },
      ]
    : others
  return {
    ...countsOf(object, pods, now),
    observedGeneration: object.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  }
}

/** In one walk, since there may be thousands of pods. */
function countsOf(object: Replicas, pods: readonly Pod[], now: number) {
  const labels = Object.entries(object.spec?.template?.metadata?.labels ?? {})
  const minReadySeconds = object.spec?.minReadySeconds ?? 0
  const counts = { replicas: 0, fullyLabeledReplicas: 0, readyReplicas: 0, availableReplicas: 0 }
  for (const pod of pods) {
    if (!isActive(pod)) continue
    counts.replicas++
    if (labels.every(([name, value]) => pod.metadata.labels?.[name] === value)) counts.fullyLabeledReplicas++
    const wait = availableIn(pod, minReadySeconds, now)
    if (isReady(pod)) counts.readyReplicas++
    if (wait === 0) counts.availableReplicas++
  }
  return counts
}

function createController<T extends Replicas>(context: ControllerContext, flavour: Flavour<T>): Controller {
  const pods = podInformer(context.informers)
  const informer = context.informers.informer(flavour.type)
  const expectations = new Expectations(context.clock)
  const gathering = new Gathering()
  const skips = staleSyncSkips(context, 'replicaset_controller', 'ReplicaSet')
  const ownWrites = new OwnWrites([informer, pods], skips)
  const ages = context.metrics && deletionAges(context.metrics)
  const shell: Shell<T> = { context, flavour, expectations, ownWrites, ages }
  return defineController(context, {
    name: flavour.name,
    triggers: [
      ownerTrigger(flavour.type, gathering),
      podTrigger({ context, owner: flavour.type, expectations, gathering, selectorOf: flavour.selectorOf }),
    ],
    async reconcile(key: Key): Promise<ReconcileResult | undefined> {
      const { name, namespace } = splitKey(key)
      ownWrites.ensureSeen(key)
      expectations.creationsSeen(key)
      const object = informer.lister.get(name, namespace)
      if (!object) {
        expectations.forget(key)
        gathering.note(key, 0)
        return undefined
      }
      const selector = flavour.selectorOf(object)
      // Asked before the pods are listed: what is observed while this waits is not in the list.
      const isSettled = expectations.satisfied(key)
      const owned = await claim<Pod>({
        owner: object,
        ownerType: flavour.type,
        candidates: claimablePods(pods, object),
        matches: pod => matches(selector, pod.metadata.labels),
        client: context.client.resource(Pods),
        freshOwner: () => context.client.resource(flavour.type).get(name, { namespace: namespace! }),
      })
      gathering.note(key, owned.length)
      const failure =
        isSettled && !object.metadata.deletionTimestamp
          ? await scale(shell, object, owned, () => pods.lister.list(namespace))
          : undefined
      const terminating = flavour.type.kind === 'ReplicaSet' ? owned.filter(isTerminating).length : 0
      return writeStatus(shell, object, owned, failure, terminating)
    },
  })
}

interface Shell<T extends Replicas> {
  context: ControllerContext
  flavour: Flavour<T>
  expectations: Expectations
  ownWrites: OwnWrites
  ages: Histogram | undefined
}

interface Failure {
  reason: 'FailedCreate' | 'FailedDelete'
  message: string
  error: unknown
}

async function scale<T extends Replicas>(
  shell: Shell<T>,
  object: T,
  owned: readonly Pod[],
  all: () => readonly Pod[],
): Promise<Failure | undefined> {
  const { context, flavour, ages } = shell
  const selector = flavour.selectorOf(object)
  const related = () => all().filter(pod => isActive(pod) && matches(selector, pod.metadata.labels))
  const scaling = planScaling(object.spec?.replicas ?? 1, owned.filter(isActive), related, context.clock.now())
  switch (scaling.type) {
    case 'none':
      return undefined
    case 'create':
      return createPods(shell, object, scaling.count)
    case 'delete':
      if (ages) observeAges(ages, owned.filter(isActive), scaling.pods, context.clock.now())
      return deletePods(shell, object, scaling.pods)
  }
}

async function createPods<T extends Replicas>(
  { context, flavour, expectations, ownWrites }: Shell<T>,
  object: T,
  count: number,
): Promise<Failure | undefined> {
  const key = keyOf(object)
  const client = context.client.resource(Pods)
  const template = object.spec?.template as PodTemplateSpec
  expectations.expectCreations(key, count)
  const { succeeded, error } = await slowStart(count, async () => {
    try {
      const pod = await client.create(podFromTemplate(object, flavour.type, template))
      ownWrites.wrote(key, Pods, pod)
      context.events.event(object, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
    } catch (failure) {
      if (!isNamespaceTerminating(failure)) {
        context.events.event(object, 'Warning', 'FailedCreate', `Error creating: ${messageOf(failure)}`)
      }
      throw failure
    }
  })
  if (succeeded < count) expectations.lowerCreations(key, count - succeeded)
  if (error === undefined || isNamespaceTerminating(error)) return undefined
  return { reason: 'FailedCreate', message: messageOf(error), error }
}

async function deletePods<T extends Replicas>(
  { context, expectations }: Shell<T>,
  object: T,
  doomed: readonly Pod[],
): Promise<Failure | undefined> {
  const key = keyOf(object)
  const client = context.client.resource(Pods)
  expectations.expectDeletions(
    key,
    doomed.map(pod => pod.metadata.uid),
  )
  const results = await Promise.allSettled(
    doomed.map(async pod => {
      const { name, namespace, uid } = pod.metadata
      try {
        await client.delete(name, { namespace: namespace!, body: { preconditions: { uid } } })
        context.events.event(object, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
      } catch (error) {
        expectations.deletionObserved(key, uid)
        if (hasReason(error, 'NotFound')) return
        context.events.event(object, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`)
        throw error
      }
    }),
  )
  const failed = results.find(result => result.status === 'rejected')
  return failed && { reason: 'FailedDelete', message: messageOf(failed.reason), error: failed.reason }
}

async function writeStatus<T extends Replicas>(
  { context, flavour, expectations, ownWrites }: Shell<T>,
  object: T,
  owned: readonly Pod[],
  failure: Failure | undefined,
  terminating: number,
): Promise<ReconcileResult | undefined> {
  const now = context.clock.now()
  const client = context.client.resource(flavour.type)
  const cause = failure && { reason: failure.reason, message: failure.message }
  const written = await patchStatus(
    client,
    object,
    current => {
      const status = {
        ...statusOf(current, { pods: owned, failure: cause, now }),
        ...terminatingField(flavour.type, terminating),
      }
      return semanticEqual(status, current.status) ? undefined : { ...current, status }
    },
    { clock: context.clock },
  )
  ownWrites.wrote(keyOf(object), flavour.type, written)
  if (failure) throw failure.error
  const wait = nextAvailable(owned.filter(isActive), object.spec?.minReadySeconds ?? 0, now)
  return again(wait, expectations.patience(keyOf(object)))
}

/** Only replica sets count what is on its way out. */
const terminatingField = (type: ResourceType, terminating: number): { terminatingReplicas?: number } =>
  type.kind === 'ReplicaSet' ? { terminatingReplicas: terminating } : {}

/** The namespace is going away, and the owner with it: nothing that anybody needs to hear of. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.status.details?.causes ?? []).some(cause => cause.reason === 'NamespaceTerminating')
  )
}
