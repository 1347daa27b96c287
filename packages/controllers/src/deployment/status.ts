/**
 * A deployment's status and its conditions Available, Progressing and ReplicaFailure.
 * Behaviour: kubernetes pkg/controller/deployment/{sync,progress}.go.
 */

import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '@canopus/api/apps/v1'
import { findCondition, formatTime, parseTime } from '@canopus/apimachinery'
import { limitsOf, sizeOf, totalActual, totalAvailable, totalReady, totalSize, wantedOf } from './rolling.ts'

export interface Seen {
  newSet: ReplicaSet | undefined
  old: readonly ReplicaSet[]
  now: number
}

/** The numbers, and whether enough pods are available. */
export function countsOf(deployment: Deployment, { newSet, old, now }: Seen): DeploymentStatus {
  const all = newSet ? [...old, newSet] : old
  const available = totalAvailable(all)
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: totalActual(all),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: totalReady(all),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize(all) - available),
    terminatingReplicas: all.reduce((sum, set) => sum + (set.status?.terminatingReplicas ?? 0), 0),
    ...(deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
  }
  const enough = available >= wantedOf(deployment) - limitsOf(deployment).maxUnavailable
  const condition = enough
    ? newCondition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', now)
    : newCondition(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        now,
      )
  return { ...status, conditions: set(deployment.status?.conditions ?? [], condition) }
}

/** The status of a deployment that is rolling out: with the condition Progressing and failures of its replica sets. */
export function rolloutStatus(deployment: Deployment, seen: Seen): DeploymentStatus {
  const status = countsOf(deployment, seen)
  let conditions = status.conditions ?? []
  if (hasDeadline(deployment)) {
    const progress = progressOf(deployment, status, seen)
    if (progress) conditions = set(conditions, progress.condition, progress.anew)
  } else conditions = drop(conditions, 'Progressing')
  const failure = failureOf(seen)
  conditions = failure ? set(conditions, { ...failure, type: 'ReplicaFailure' }) : drop(conditions, 'ReplicaFailure')
  return { ...status, conditions }
}

interface Progress {
  condition: DeploymentCondition
  anew: boolean
}

/** A deadline of the greatest number means none. */
export function hasDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec.progressDeadlineSeconds
  return seconds !== undefined && seconds !== 2_147_483_647
}

function progressOf(deployment: Deployment, status: DeploymentStatus, seen: Seen): Progress | undefined {
  const current = findCondition(deployment.status?.conditions, 'Progressing')
  const what = seen.newSet
    ? `ReplicaSet ${JSON.stringify(seen.newSet.metadata.name)}`
    : `Deployment ${JSON.stringify(deployment.metadata.name)}`
  const make = (value: string, reason: string, message: string): DeploymentCondition =>
    newCondition('Progressing', value, reason, message, seen.now)
  // A finished rollout stays finished until the template or the pods change.
  const settled = status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable'
  if (settled) return undefined
  if (isComplete(deployment, status)) {
    return { condition: make('True', 'NewReplicaSetAvailable', `${what} has successfully progressed.`), anew: false }
  }
  if (isProgressing(deployment, status)) {
    const progress = make('True', 'ReplicaSetUpdated', `${what} is progressing.`)
    // Progress starts the deadline anew even where nothing else changes: the old condition makes way.
    return { condition: progress, anew: true }
  }
  if (!isTimedOut(deployment, status, seen.now)) return undefined
  return { condition: make('False', 'ProgressDeadlineExceeded', `${what} has timed out progressing.`), anew: false }
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = wantedOf(deployment)
  return (
    status.updatedReplicas === wanted &&
    status.replicas === wanted &&
    status.availableReplicas === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

function isProgressing(deployment: Deployment, status: DeploymentStatus): boolean {
  const before = deployment.status ?? {}
  const old = (each: DeploymentStatus): number => (each.replicas ?? 0) - (each.updatedReplicas ?? 0)
  return (
    (status.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(status) < old(before) ||
    (status.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

export function isTimedOut(deployment: Deployment, status: DeploymentStatus, now: number): boolean {
  const condition = findCondition(deployment.status?.conditions, 'Progressing')
  if (!condition || condition.reason === 'NewReplicaSetAvailable') return false
  if (condition.reason === 'ProgressDeadlineExceeded') return true
  if (deployment.spec.paused || isComplete(deployment, status)) return false
  return deadlineIn(deployment, now) === 0
}

/** Milliseconds until the rollout counts as stuck; nothing where it does not wait for anything. */
export function deadlineIn(deployment: Deployment, now: number): number | undefined {
  const condition = findCondition(deployment.status?.conditions, 'Progressing')
  if (!hasDeadline(deployment) || !condition?.lastUpdateTime) return undefined
  const since = parseTime(condition.lastUpdateTime) ?? now
  return Math.max(0, since + deployment.spec.progressDeadlineSeconds! * 1000 - now)
}

function failureOf({ newSet, old }: Seen): DeploymentCondition | undefined {
  const of = (set: ReplicaSet) => set.status?.conditions?.find(each => each.type === 'ReplicaFailure')
  const condition =
    (newSet && of(newSet)) ??
    old
      .filter(set => sizeOf(set) > 0)
      .map(of)
      .find(each => each !== undefined)
  return condition && { ...condition }
}

export function newCondition(
  type: string,
  status: string,
  reason: string,
  message: string,
  now: number,
): DeploymentCondition {
  const time = formatTime(now)
  return { type, status, reason, message, lastUpdateTime: time, lastTransitionTime: time }
}

/** `conditions` with this one. One of the same status and reason stays as it is, unless `anew`. */
export function set(
  conditions: readonly DeploymentCondition[],
  condition: DeploymentCondition,
  anew = false,
): DeploymentCondition[] {
  const old = findCondition(conditions, condition.type)
  const sameStatus = old !== undefined && old.status === condition.status
  if (sameStatus && old.reason === condition.reason && !anew) return [...conditions]
  const kept = sameStatus && old.lastTransitionTime ? { lastTransitionTime: old.lastTransitionTime } : {}
  return [...drop(conditions, condition.type), { ...condition, ...kept }]
}

const drop = (conditions: readonly DeploymentCondition[], type: string): DeploymentCondition[] =>
  conditions.filter(each => each.type !== type)
