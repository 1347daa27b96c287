/**
 * What to do next for a stateful set: pods one after the other, up in order and down in reverse, or all at once.
 * Behaviour: kubernetes pkg/controller/statefulset/stateful_set_control.go.
 */
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '@canopus/api/apps/v1'
import type { PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import { scaledValue } from '../common/int-or-percent.ts'
import { availableIn, isAvailable, isReady } from '../common/pods.ts'
import { claimsOf, hasIdentity, ordinalOf, revisionOfPod } from './identity.ts'
import { claimOwners, isStale } from './retention.ts'

export interface StatefulSetState {
  set: StatefulSet
  pods: readonly Pod[]
  current: ControllerRevision
  update: ControllerRevision
  collisionCount: number | undefined
  /** The claim of that name, where there is one. */
  claim(name: string): PersistentVolumeClaim | undefined
  now: number
}

export type Action =
  | { type: 'create'; ordinal: number; revision: ControllerRevision }
  | { type: 'delete'; pod: Pod }
  | { type: 'identify'; pod: Pod; ordinal: number }
  /** Makes claims of a pod that waits for them, and sees whose they are. */
  | { type: 'claims'; pod: Pod; ordinal: number }
  /** Gives the pod's claims to whom the retention policy says. */
  | { type: 'own'; pod: Pod; isSurplus: boolean }

export interface StatefulSetPlan {
  actions: Action[]
  status: StatefulSetStatus
  /** Milliseconds until a pod becomes available that the next step waits for. */
  waitMs: number | undefined
}

const isCreated = (pod: Pod): boolean => Boolean(pod.status?.phase)
const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined
const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod)
const hasEnded = (pod: Pod): boolean => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'

export function planStatefulSet(state: StatefulSetState): StatefulSetPlan {
  const { set } = state
  const first = set.spec.ordinals?.start ?? 0
  const wanted = set.spec.replicas ?? 1
  const slots = new Array<Pod | undefined>(wanted).fill(undefined)
  const condemned: { pod: Pod; ordinal: number }[] = []
  for (const pod of state.pods) {
    const ordinal = ordinalOf(set, pod)
    if (ordinal === undefined) continue
    if (ordinal >= first && ordinal < first + wanted) slots[ordinal - first] = pod
    else condemned.push({ pod, ordinal })
  }
  condemned.sort((a, b) => b.ordinal - a.ordinal)
  const plan: StatefulSetPlan = { actions: [], status: statusOf(state), waitMs: undefined }
  if (set.metadata.deletionTimestamp) return plan
  const isOrdered = set.spec.podManagementPolicy !== 'Parallel'
  const gone = condemned.map(each => each.pod)
  const steps: (() => boolean)[] = [
    () => planSlots(state, slots, first, isOrdered, plan),
    () => planCondemned(state, slots, gone, isOrdered, plan),
    () => planUpdate(state, slots, plan),
  ]
  for (const step of steps) if (!step()) break
  return plan
}

/** Every step answers whether the next may follow. */
function planSlots(
  state: StatefulSetState,
  slots: readonly (Pod | undefined)[],
  first: number,
  isOrdered: boolean,
  plan: StatefulSetPlan,
): boolean {
  for (const [index, pod] of slots.entries()) {
    const ordinal = first + index
    if (pod && hasEnded(pod)) {
      if (!isTerminating(pod)) plan.actions.push({ type: 'delete', pod })
      if (isOrdered) return false
      continue
    }
    if (!pod) {
      // Its claim goes with the pod that was; the next one is made when it has gone.
      if (hasStaleClaim(state, ordinal)) {
        if (isOrdered) return false
        continue
      }
      plan.actions.push({ type: 'create', ordinal, revision: revisionFor(state, ordinal, first) })
      if (isOrdered) return false
      continue
    }
    if (pod.status?.phase === 'Pending') plan.actions.push({ type: 'claims', pod, ordinal })
    if (isOrdered && (!isCreated(pod) || isTerminating(pod) || !isRunningAndReady(pod))) return false
    if (isOrdered && !isAvailableNow(state, pod, plan)) return false
    if (isTerminating(pod)) continue
    if (!ownsClaims(state, pod, ordinal, false)) plan.actions.push({ type: 'own', pod, isSurplus: false })
    if (!hasIdentity(pod, ordinal)) plan.actions.push({ type: 'identify', pod, ordinal })
  }
  return true
}

function hasStaleClaim({ set, claim }: StatefulSetState, ordinal: number): boolean {
  const pod = { metadata: { name: `${set.metadata.name}-${ordinal}`, uid: '' } } as Pod
  return [...claimsOf(set, ordinal).values()].some(({ metadata }) => {
    const known = claim(metadata.name)
    return known !== undefined && isStale(set, pod, known)
  })
}

function ownsClaims({ set, claim }: StatefulSetState, pod: Pod, ordinal: number, isSurplus: boolean): boolean {
  return [...claimsOf(set, ordinal).values()].every(({ metadata }) => {
    const known = claim(metadata.name)
    return known === undefined || claimOwners(set, pod, isSurplus, known).wanted === undefined
  })
}

/** A pod made anew below the partition gets the old template. */
function revisionFor({ set, current, update }: StatefulSetState, ordinal: number, first: number): ControllerRevision {
  if (set.spec.updateStrategy?.type === 'OnDelete') return update
  const rolling = set.spec.updateStrategy?.rollingUpdate
  const kept = rolling ? (rolling.partition ?? 0) : (set.status?.currentReplicas ?? 0)
  return ordinal < first + kept ? current : update
}

function planCondemned(
  state: StatefulSetState,
  slots: readonly (Pod | undefined)[],
  condemned: readonly Pod[],
  isOrdered: boolean,
  plan: StatefulSetPlan,
): boolean {
  const ascending = [...slots.filter(pod => pod !== undefined), ...[...condemned].reverse()]
  const isUp = (pod: Pod): boolean => isAvailable(pod, state.set.spec.minReadySeconds ?? 0, state.now)
  const firstUnhealthy = ascending.find(pod => isTerminating(pod) || !isUp(pod))
  for (const pod of condemned) {
    if (!ownsClaims(state, pod, ordinalOf(state.set, pod)!, true)) {
      plan.actions.push({ type: 'own', pod, isSurplus: true })
    }
  }
  for (const pod of condemned) {
    if (isTerminating(pod)) {
      if (isOrdered) return false
      continue
    }
    // Nothing goes while another pod is unwell; but the one that is unwell itself may.
    if (isOrdered && !isRunningAndReady(pod) && pod !== firstUnhealthy) return false
    if (isOrdered && pod !== firstUnhealthy && !isAvailableNow(state, pod, plan)) return false
    plan.actions.push({ type: 'delete', pod })
    if (isOrdered) return false
  }
  return true
}

/** From the last pod down to the partition, one at a time: the old ones go, the new ones must be well. */
function planUpdate(state: StatefulSetState, slots: readonly (Pod | undefined)[], plan: StatefulSetPlan): boolean {
  const { set, update } = state
  const isBusy = plan.actions.some(action => action.type !== 'claims' && action.type !== 'own')
  if (set.spec.updateStrategy?.type === 'OnDelete' || isBusy) return false
  if (set.spec.updateStrategy?.rollingUpdate?.maxUnavailable !== undefined) return planSeveral(state, slots, plan)
  const partition = set.spec.updateStrategy?.rollingUpdate?.partition ?? 0
  for (let index = slots.length - 1; index >= partition; index--) {
    const pod = slots[index]
    if (!pod) return false
    if (revisionOfPod(pod) !== update.metadata.name && !isTerminating(pod)) {
      plan.actions.push({ type: 'delete', pod })
      return false
    }
    if (isTerminating(pod) || !isRunningAndReady(pod) || !isAvailableNow(state, pod, plan)) return false
  }
  return true
}

/** As many at once as may be missing: of the old ones the last go first (KEP-961). */
function planSeveral(state: StatefulSetState, slots: readonly (Pod | undefined)[], plan: StatefulSetPlan): boolean {
  const { set, update } = state
  const { maxUnavailable, partition = 0 } = set.spec.updateStrategy?.rollingUpdate ?? {}
  const allowed = Math.max(1, scaledValue(maxUnavailable, slots.length, 'down') ?? 1)
  const isUp = (pod: Pod | undefined): boolean =>
    pod !== undefined && !isTerminating(pod) && isRunningAndReady(pod) && isAvailableNow(state, pod, plan)
  let room = allowed - slots.filter(pod => !isUp(pod)).length
  for (let index = slots.length - 1; index >= partition && room > 0; index--) {
    const pod = slots[index]
    if (!pod || revisionOfPod(pod) === update.metadata.name || isTerminating(pod)) continue
    plan.actions.push({ type: 'delete', pod })
    room -= 1
  }
  return false
}

function isAvailableNow({ set, now }: StatefulSetState, pod: Pod, plan: StatefulSetPlan): boolean {
  const wait = availableIn(pod, set.spec.minReadySeconds ?? 0, now)
  if (wait !== undefined && wait > 0) plan.waitMs = wait
  return wait === 0
}

function statusOf(state: StatefulSetState): StatefulSetStatus {
  const { set, current, update, now } = state
  const pods = state.pods.filter(pod => ordinalOf(set, pod) !== undefined && isCreated(pod))
  const live = pods.filter(pod => !isTerminating(pod))
  const ready = pods.filter(isRunningAndReady)
  const count = (revision: ControllerRevision): number =>
    live.filter(pod => revisionOfPod(pod) === revision.metadata.name).length
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter(pod => isAvailable(pod, set.spec.minReadySeconds ?? 0, now)).length,
    currentReplicas: count(current),
    updatedReplicas: count(update),
    currentRevision: current.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount: state.collisionCount ?? 0,
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
  }
  const isDone = status.updatedReplicas === status.replicas && status.readyReplicas === status.replicas
  if (set.spec.updateStrategy?.type !== 'OnDelete' && isDone) {
    status.currentReplicas = status.updatedReplicas!
    status.currentRevision = status.updateRevision!
  }
  return status
}
