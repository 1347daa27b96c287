/** Keeps pods with an identity of their own: a stable name, a stable place, storage that stays (pkg/controller/statefulset). */

import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '@canopus/api'
import type { StatefulSet } from '@canopus/api/apps/v1'
import type { Pod } from '@canopus/api/core/v1'
import { hasReason, labelSelector, matches, ownerReference, semanticEqual } from '@canopus/apimachinery'
import { splitKey } from '@canopus/client'
import {
  type Controller,
  type ControllerContext,
  claim,
  defineController,
  Expectations,
  owned,
  patchStatus,
  primary,
} from '@canopus/operator'
import { podTrigger } from '../common/pod-trigger.ts'
import { claimablePods, podInformer } from '../common/pods.ts'
import { ensureRevision, revisionsOf, truncateHistory } from '../common/revisions.ts'
import { claimsOf, ordinalOf, podOf, revisionOfPod, withIdentity } from './identity.ts'
import { type Action, planStatefulSet } from './plan.ts'

export function createStatefulSetController(context: ControllerContext): Controller {
  const sets = context.informers.informer(StatefulSets)
  const pods = podInformer(context.informers)
  const claims = context.informers.informer(PersistentVolumeClaims)
  context.informers.informer(ControllerRevisions)
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
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
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
      const known = revisionsOf(context, set)
      const { revisions, update, collisionCount } = await ensureRevision(
        context,
        set,
        StatefulSets,
        known,
        set.status?.collisionCount,
      )
      const current = revisions.find(each => each.metadata.name === set.status?.currentRevision) ?? update
      const now = context.clock.now()
      const plan = planStatefulSet({ set, pods: own, current, update, collisionCount, now })
      try {
        for (const action of plan.actions) {
          await act(context, set, action, claim => claims.lister.get(claim, namespace) !== undefined)
        }
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

async function act(
  context: ControllerContext,
  set: StatefulSet,
  action: Action,
  hasClaim: (name: string) => boolean,
): Promise<void> {
  switch (action.type) {
    case 'create':
      return create(context, set, action, hasClaim)
    case 'delete':
      if (action.reason === 'scale') await handClaimsOver(context, set, action.pod)
      return remove(context, set, action.pod, action.reason === 'ended')
    case 'identify':
      await context.client.resource(Pods).update(withIdentity(set, action.pod, action.ordinal))
      return
    case 'claims':
      return createClaims(context, set, action.ordinal, hasClaim)
  }
}

async function create(
  context: ControllerContext,
  set: StatefulSet,
  { ordinal, revision }: Extract<Action, { type: 'create' }>,
  hasClaim: (name: string) => boolean,
): Promise<void> {
  const pod = podOf(set, ordinal, revision)
  const { name } = pod.metadata
  const { events, client } = context
  try {
    await createClaims(context, set, ordinal, hasClaim)
    await client.resource(Pods).create(pod)
    events.event(set, 'Normal', 'SuccessfulCreate', `create Pod ${name} in StatefulSet ${set.metadata.name} successful`)
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) throw error
    const text = `create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${error instanceof Error ? error.message : error}`
    events.event(set, 'Warning', 'FailedCreate', text)
    throw error
  }
}

async function createClaims(
  { client, events }: ControllerContext,
  set: StatefulSet,
  ordinal: number,
  hasClaim: (name: string) => boolean,
): Promise<void> {
  const pod = `${set.metadata.name}-${ordinal}`
  for (const [, volume] of claimsOf(set, ordinal)) {
    if (hasClaim(volume.metadata.name)) continue
    try {
      await client.resource(PersistentVolumeClaims).create(volume)
      const text = `create Claim ${volume.metadata.name} Pod ${pod} in StatefulSet ${set.metadata.name} success`
      events.event(set, 'Normal', 'SuccessfulCreate', text)
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error
    }
  }
}

/** Where claims go with their pod, the pod that is about to go becomes their owner: the garbage collector does the rest. */
async function handClaimsOver({ client }: ControllerContext, set: StatefulSet, pod: Pod): Promise<void> {
  if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return
  const resource = client.resource(PersistentVolumeClaims)
  const namespace = set.metadata.namespace!
  for (const [, { metadata }] of claimsOf(set, ordinalOf(set, pod)!)) {
    try {
      const claim = await resource.get(metadata.name, { namespace })
      const { ownerReferences = [], resourceVersion, uid } = claim.metadata
      if (ownerReferences.some(reference => reference.uid === pod.metadata.uid)) continue
      const references = [
        ...ownerReferences.filter(reference => reference.uid !== set.metadata.uid),
        { ...ownerReference(pod, Pods), blockOwnerDeletion: true },
      ]
      const patch = { metadata: { uid, resourceVersion, ownerReferences: references } }
      await resource.patch(metadata.name, 'merge', patch, { namespace })
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
    }
  }
}

async function remove(
  { client, events }: ControllerContext,
  set: StatefulSet,
  pod: Pod,
  hasEnded: boolean,
): Promise<void> {
  const { name, namespace, uid } = pod.metadata
  if (hasEnded) {
    const [reason, how] =
      pod.status?.phase === 'Failed' ? ['RecreatingFailedPod', 'failed'] : ['RecreatingTerminatedPod', 'terminated']
    const text = `StatefulSet ${set.metadata.namespace}/${set.metadata.name} is recreating ${how} Pod ${name}`
    events.event(set, reason === 'RecreatingFailedPod' ? 'Warning' : 'Normal', reason!, text)
  }
  try {
    await client.resource(Pods).delete(name, { namespace: namespace!, body: { preconditions: { uid } } })
    events.event(set, 'Normal', 'SuccessfulDelete', `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`)
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}
