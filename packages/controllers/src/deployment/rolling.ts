/**
 * The arithmetic of rolling updates: how big each replica set may be now.
 * Behaviour: kubernetes pkg/controller/deployment/rolling.go, sync.go and util/deployment_util.go.
 */
import type { Deployment, ReplicaSet } from '@canopus/api/apps/v1'
import { scaledValue } from '../common/int-or-percent.ts'
import { DESIRED_REPLICAS, MAX_REPLICAS, oldestFirst } from './revision.ts'

/** One replica set and the number of pods that it should have. */
export interface Resize {
  set: ReplicaSet
  replicas: number
}

export const sizeOf = (set: ReplicaSet): number => set.spec.replicas ?? 1
export const totalSize = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + sizeOf(set), 0)
export const totalActual = (sets: readonly ReplicaSet[]): number => sum(sets, set => set.status?.replicas)
export const totalReady = (sets: readonly ReplicaSet[]): number => sum(sets, set => set.status?.readyReplicas)
export const totalAvailable = (sets: readonly ReplicaSet[]): number => sum(sets, set => set.status?.availableReplicas)

function sum(sets: readonly ReplicaSet[], field: (set: ReplicaSet) => number | undefined): number {
  return sets.reduce((total, set) => total + (field(set) ?? 0), 0)
}

export const wantedOf = (deployment: Deployment): number => deployment.spec.replicas ?? 1
export const isRolling = (deployment: Deployment): boolean => deployment.spec.strategy?.type !== 'Recreate'

/** How many pods may be missing and how many may be too many, in whole pods. Never both zero. */
export function limitsOf(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const wanted = wantedOf(deployment)
  if (!isRolling(deployment) || wanted === 0) return { maxSurge: 0, maxUnavailable: 0 }
  const rolling = deployment.spec.strategy?.rollingUpdate
  const maxSurge = scaledValue(rolling?.maxSurge ?? '25%', wanted, 'up') ?? 0
  const maxUnavailable = scaledValue(rolling?.maxUnavailable ?? '25%', wanted, 'down') ?? 0
  // A surge of 0 and percentages that round down to 0 would stand still.
  if (maxSurge === 0 && maxUnavailable === 0) return { maxSurge, maxUnavailable: 1 }
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, wanted) }
}

/** How big the new replica set may be beside the others. */
export function newSize(deployment: Deployment, all: readonly ReplicaSet[], newSet: ReplicaSet | undefined): number {
  const wanted = wantedOf(deployment)
  if (!isRolling(deployment)) return wanted
  const current = newSet ? sizeOf(newSet) : 0
  const total = totalSize(all)
  const room = wanted + limitsOf(deployment).maxSurge - total
  if (room <= 0) return current
  return current + Math.min(room, wanted - current)
}

/** One step of a rolling update: either the new set grows or shrinks, or the old ones shrink. Empty where all must wait. */
export function planRolling(deployment: Deployment, newSet: ReplicaSet, old: readonly ReplicaSet[]): Resize[] {
  const grown = planNew(deployment, newSet, old)
  return grown ? [grown] : planOld(deployment, newSet, old)
}

function planNew(deployment: Deployment, newSet: ReplicaSet, old: readonly ReplicaSet[]): Resize | undefined {
  const wanted = wantedOf(deployment)
  const current = sizeOf(newSet)
  const replicas = current > wanted ? wanted : newSize(deployment, [...old, newSet], newSet)
  return replicas === current ? undefined : { set: newSet, replicas }
}

function planOld(deployment: Deployment, newSet: ReplicaSet, old: readonly ReplicaSet[]): Resize[] {
  const oldSize = totalSize(old)
  if (oldSize === 0) return []
  const all = [...old, newSet]
  const minAvailable = wantedOf(deployment) - limitsOf(deployment).maxUnavailable
  const newUnavailable = sizeOf(newSet) - (newSet.status?.availableReplicas ?? 0)
  const removable = totalSize(all) - minAvailable - newUnavailable
  if (removable <= 0) return []
  // First what does not serve anyway, then as many as may be missing.
  const sizes = new Map(old.map(set => [set, sizeOf(set)]))
  let left = removable
  for (const set of oldestFirst(old)) {
    const unhealthy = Math.max(0, sizes.get(set)! - (set.status?.availableReplicas ?? 0))
    const less = Math.min(left, unhealthy)
    sizes.set(set, sizes.get(set)! - less)
    left -= less
  }
  let spare = totalAvailable(all) - minAvailable
  for (const set of oldestFirst(old)) {
    if (spare <= 0) break
    const less = Math.min(sizes.get(set)!, spare)
    sizes.set(set, sizes.get(set)! - less)
    spare -= less
  }
  return changed(sizes)
}

function changed(sizes: ReadonlyMap<ReplicaSet, number>): Resize[] {
  return [...sizes].filter(([set, size]) => size !== sizeOf(set)).map(([set, replicas]) => ({ set, replicas }))
}

/** Whether somebody changed spec.replicas since the sizes were set. */
export function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some(set => {
    const desired = Number(set.metadata.annotations?.[DESIRED_REPLICAS] ?? Number.NaN)
    return sizeOf(set) > 0 && !Number.isNaN(desired) && desired !== wantedOf(deployment)
  })
}

/**
 * The sizes after a change of spec.replicas, also where they stay (what they were meant for is noted on them): all on the one that lives,
 * or shared out among those in a rollout.
 */
export function planScale(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Resize[] {
  const wanted = wantedOf(deployment)
  const all = newSet ? [...old, newSet] : [...old]
  const active = all.filter(set => sizeOf(set) > 0)
  const single = active.length === 1 ? active[0] : active.length === 0 ? (newSet ?? oldestFirst(old).at(-1)) : undefined
  if (single) return [{ set: single, replicas: wanted }]
  // The new one serves alone: the others are leftovers.
  if (newSet && isSaturated(deployment, newSet)) {
    return old.filter(set => sizeOf(set) > 0).map(set => ({ set, replicas: 0 }))
  }
  return isRolling(deployment) ? planProportional(deployment, active) : []
}

/** Whether the set has all pods that the deployment wants, as both of them know. */
function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const wanted = wantedOf(deployment)
  const desired = Number(set.metadata.annotations?.[DESIRED_REPLICAS] ?? Number.NaN)
  return sizeOf(set) === wanted && desired === wanted && set.status?.availableReplicas === wanted
}

/** Shares the difference out by size, the biggest first, so that the mix of a half-done rollout stays. */
function planProportional(deployment: Deployment, active: readonly ReplicaSet[]): Resize[] {
  const wanted = wantedOf(deployment)
  const allowed = wanted > 0 ? wanted + limitsOf(deployment).maxSurge : 0
  const toAdd = allowed - totalSize(active)
  const newestFirst = oldestFirst(active).reverse()
  const ordered =
    toAdd >= 0
      ? newestFirst.sort((a, b) => sizeOf(b) - sizeOf(a))
      : oldestFirst(active).sort((a, b) => sizeOf(b) - sizeOf(a))
  const sizes = new Map<ReplicaSet, number>()
  let added = 0
  for (const set of ordered) {
    const share = toAdd === 0 ? 0 : shareOf(deployment, set, toAdd, added)
    sizes.set(set, sizeOf(set) + share)
    added += share
  }
  // What rounding left over goes to the first.
  if (toAdd !== 0 && ordered[0]) sizes.set(ordered[0], Math.max(0, sizes.get(ordered[0])! + toAdd - added))
  return [...sizes].map(([set, replicas]) => ({ set, replicas }))
}

function shareOf(deployment: Deployment, set: ReplicaSet, toAdd: number, added: number): number {
  if (sizeOf(set) === 0) return 0
  const wanted = wantedOf(deployment)
  const max = Number(set.metadata.annotations?.[MAX_REPLICAS]) || (deployment.status?.replicas ?? 0)
  // Somebody has removed what was noted, and there are no pods to tell it either.
  if (max === 0 && wanted > 0) return 0
  const ideal = (sizeOf(set) * (wanted + limitsOf(deployment).maxSurge)) / max
  const fraction = (wanted === 0 ? 0 : Math.round(ideal)) - sizeOf(set)
  const left = toAdd - added
  return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left)
}
