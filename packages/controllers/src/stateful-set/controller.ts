/** Keeps pods with an identity of their own: a stable name, a stable place, storage that stays (pkg/controller/statefulset). */

import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '@canopus/api'
import type { StatefulSet } from '@canopus/api/apps/v1'
import type { PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import { hasReason, labelSelector, matches, semanticEqual } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { keyOf, splitKey } from '@canopus/client'
import {
  type Controller,
  type ControllerContext,
  claim,
  defineController,
  Expectations,
  OwnWrites,
  on,
  owned,
  patchStatus,
  primary,
} from '@canopus/operator'
import { podTrigger } from '../common/pod-trigger.ts'
import { claimablePods, podInformer } from '../common/pods.ts'
import { claimRevisions, ensureRevision, truncateHistory } from '../common/revisions.ts'
import { staleSyncSkips } from '../common/stale-sync-skips.ts'
import { revisionHash } from '../common/template-hash.ts'
import { claimsOf, isClaimOf, ordinalOf, podOf, revisionOfPod, withIdentity } from './identity.ts'
import { type Action, planStatefulSet } from './plan.ts'
import { claimOwners } from './retention.ts'

/** What the name of a revision ends in, on the revision (pkg/controller/history, ControllerRevisionHashLabel). */
const HASH_LABEL = 'controller.kubernetes.io/hash'

export function createStatefulSetController(context: ControllerContext): Controller {
  const sets = context.informers.informer(StatefulSets)
  const pods = podInformer(context.informers)
  const claims = context.informers.informer(PersistentVolumeClaims)
  context.informers.informer(ControllerRevisions)
  const ownWrites = new OwnWrites([sets, pods], staleSyncSkips(context, 'statefulset_controller', 'StatefulSet'))
  return defineController(context, {
    name: 'statefulset-controller',
    triggers: [
      primary(StatefulSets),
      podTrigger({
        context,
        owner: StatefulSets,
        // Names are unique and tell everything: nothing can be made twice.
        expectations: new Expectations(context.clock),
        selectorOf: set => labelSelector(set.spec.selector),
      }),
      owned(ControllerRevisions, StatefulSets),
      // A claim that is gone may be what the next pod waits for.
      on(PersistentVolumeClaims, ({ object: { metadata }, deleted }, enqueue) => {
        if (!deleted) return
        for (const set of sets.lister.list(metadata.namespace)) if (isClaimOf(set, metadata.name)) enqueue(keyOf(set))
      }),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      ownWrites.ensureSeen(key)
      const set = sets.lister.get(name, namespace)
      if (!set) return undefined
      const selector = labelSelector(set.spec.selector)
      const own = await claim<Pod>({
        owner: set,
        ownerType: StatefulSets,
        candidates: claimablePods(pods, set),
        matches: pod => matches(selector, pod.metadata.labels) && ordinalOf(set, pod) !== undefined,
        client: context.client.resource(Pods),
        freshOwner: () => context.client.resource(StatefulSets).get(name, { namespace: namespace! }),
      })
      const known = await claimRevisions(context, set, StatefulSets, 'kept')
      const { revisions, update, collisionCount } = await ensureRevision(
        context,
        set,
        StatefulSets,
        known,
        set.status?.collisionCount,
        { label: HASH_LABEL, hash: revisionHash },
      )
      const current = revisions.find(each => each.metadata.name === set.status?.currentRevision) ?? update
      const now = context.clock.now()
      const claimOf = (claim: string): PersistentVolumeClaim | undefined => claims.lister.get(claim, namespace)
      const plan = planStatefulSet({ set, pods: own, current, update, collisionCount, claim: claimOf, now })
      try {
        for (const action of plan.actions) await act({ context, set, claimOf, ownWrites }, action)
      } finally {
        await patchStatus(
          context.client.resource(StatefulSets),
          set,
          latest => (semanticEqual(latest.status, plan.status) ? undefined : { ...latest, status: plan.status }),
          { clock: context.clock },
        )
      }
      const inUse = new Set([...own.map(revisionOfPod), current.metadata.name, update.metadata.name])
      await truncateHistory(context, set, revisions, inUse)
      return plan.waitMs === undefined ? undefined : { requeueAfter: plan.waitMs }
    },
  })
}

/** What the actions of one reconcile share. */
interface Step {
  context: ControllerContext
  set: StatefulSet
  claimOf(name: string): PersistentVolumeClaim | undefined
  ownWrites: OwnWrites
}

async function act(step: Step, action: Action): Promise<void> {
  switch (action.type) {
    case 'create':
      return create(step, action)
    case 'delete':
      return remove(step, action.pod)
    case 'identify':
      return telling(step, 'update', action.pod.metadata.name, async () => {
        await step.context.client.resource(Pods).update(withIdentity(step.set, action.pod, action.ordinal))
      })
    case 'claims':
      await createClaims(step, action.ordinal)
      return own(step, action.pod, action.ordinal, false)
    case 'own':
      return own(step, action.pod, ordinalOf(step.set, action.pod)!, action.isSurplus)
  }
}

/** Does something to a pod, and says how it went. */
async function telling(
  { context, set }: Step,
  verb: 'create' | 'update' | 'delete',
  name: string,
  deed: () => Promise<void>,
): Promise<void> {
  const word = verb[0]!.toUpperCase() + verb.slice(1)
  const what = `${word} Pod ${name} in StatefulSet ${set.metadata.name}`
  try {
    await deed()
    context.events.event(set, 'Normal', `Successful${word}`, `${what} successful`)
  } catch (error) {
    // Our own of a moment ago.
    if (!hasReason(error, 'AlreadyExists')) {
      context.events.event(set, 'Warning', `Failed${word}`, `${what} failed error: ${messageOf(error)}`)
    }
    throw error
  }
}

async function create(step: Step, { ordinal, revision }: Extract<Action, { type: 'create' }>): Promise<void> {
  const wanted = podOf(step.set, ordinal, revision)
  await telling(step, 'create', wanted.metadata.name, async () => {
    await createClaims(step, ordinal)
    const pod = await step.context.client.resource(Pods).create(wanted)
    step.ownWrites.wrote(keyOf(step.set), Pods, pod)
    await own(step, pod, ordinal, false)
  })
}

async function createClaims({ context, set, claimOf }: Step, ordinal: number): Promise<void> {
  const { client, events } = context
  const pod = `${set.metadata.name}-${ordinal}`
  const failures: string[] = []
  for (const [, wanted] of claimsOf(set, ordinal)) {
    const { name } = wanted.metadata
    const known = claimOf(name)
    if (known) {
      if (known.metadata.deletionTimestamp) failures.push(`pvc ${name} is being deleted`)
      continue
    }
    try {
      await client.resource(PersistentVolumeClaims).create(wanted)
      const text = `Create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`
      events.event(set, 'Normal', 'SuccessfulCreate', text)
    } catch (error) {
      // The cache does not show it yet.
      if (hasReason(error, 'AlreadyExists')) continue
      const text = `Create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`
      events.event(set, 'Warning', 'FailedCreate', text)
      failures.push(`failed to create PVC ${name}: ${messageOf(error)}`)
    }
  }
  if (failures.length > 0) throw new Error(failures.length > 1 ? `[${failures.join(', ')}]` : failures[0])
}

/** Where claims go with their pod or with the set, that becomes their owner: the garbage collector does the rest. */
async function own({ context, set, claimOf }: Step, pod: Pod, ordinal: number, isSurplus: boolean): Promise<void> {
  for (const [, { metadata }] of claimsOf(set, ordinal)) {
    const claim = claimOf(metadata.name)
    if (!claim) continue
    const { wanted, hasConflict } = claimOwners(set, pod, isSurplus, claim)
    if (hasConflict) {
      const text = `PersistentVolumeClaim ${metadata.name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`
      context.events.event(set, 'Warning', 'ConflictingController', text)
    }
    if (wanted === undefined) continue
    const changed = { ...claim, metadata: { ...claim.metadata, ownerReferences: [...wanted] } }
    try {
      await context.client.resource(PersistentVolumeClaims).update(changed)
    } catch (error) {
      const why = `could not update claim ${metadata.name} for delete policy ownerRefs: ${messageOf(error)}`
      if (!hasReason(error, 'NotFound')) throw new Error(why, { cause: error })
    }
  }
}

async function remove(step: Step, pod: Pod): Promise<void> {
  const { name, namespace, uid } = pod.metadata
  await telling(step, 'delete', name, () =>
    step.context.client
      .resource(Pods)
      .delete(name, { namespace: namespace!, body: { preconditions: { uid } } })
      .catch(error => {
        if (!hasReason(error, 'NotFound')) throw error
      }),
  )
}
