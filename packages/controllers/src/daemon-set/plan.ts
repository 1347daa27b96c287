/**
 * Which daemon pods to make and which to delete. Behaviour: kubernetes pkg/controller/daemon/{daemon_controller,update}.go.
 */
import type { DaemonSet, DaemonSetStatus } from '@canopus/api/apps/v1'
import type { Node, Pod } from '@canopus/api/core/v1'
import { scaledValue } from '../common/int-or-percent.ts'
import { isAvailable, isFinished, isReady } from '../common/pods.ts'
import { REVISION_LABEL } from '../common/revisions.ts'
import { placementOn, targetNode } from './placement.ts'

export interface DaemonSetState {
  set: DaemonSet
  nodes: readonly Node[]
  pods: readonly Pod[]
  /** Hash of the current template. */
  hash: string
  now: number
}

export interface DaemonSetPlan {
  /** Nodes that need a pod. */
  create: string[]
  delete: Pod[]
  /** Pods that ended; also in `delete`. */
  ended: Pod[]
}

const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined
const isCurrent = (pod: Pod, hash: string): boolean => pod.metadata.labels?.[REVISION_LABEL] === hash
/** Those on a node first, then the oldest; those of one moment by name. */
const byAge = (a: Pod, b: Pod): number => {
  const rank = ({ spec, metadata }: Pod): string =>
    `${spec?.nodeName ? 0 : 1} ${metadata.creationTimestamp} ${metadata.name}`
  return rank(a) < rank(b) ? -1 : 1
}

export function podsByTarget(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>()
  for (const pod of pods) {
    const node = targetNode(pod)
    if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), pod])
  }
  return byNode
}

/** Brings every node to its one pod (two for a moment while surging). */
export function planPlacement(state: DaemonSetState): DaemonSetPlan {
  const plan: DaemonSetPlan = { create: [], delete: [], ended: [] }
  const byNode = podsByTarget(state.pods)
  const surging = limitsOf(state).maxSurge > 0
  for (const node of state.nodes) {
    const { name } = node.metadata
    const pods = byNode.get(name) ?? []
    byNode.delete(name)
    const { run, stay } = placementOn(state.set, node)
    if (run && pods.length === 0) plan.create.push(name)
    else if (stay) planOccupied(state, name, pods, run, surging, plan)
    else plan.delete.push(...pods.filter(pod => !isTerminating(pod)))
  }
  // Pods for nodes that are gone.
  for (const pods of byNode.values()) {
    plan.delete.push(...pods.filter(pod => !pod.spec?.nodeName && !isTerminating(pod)))
  }
  return plan
}

function planOccupied(
  { set, hash, now }: DaemonSetState,
  node: string,
  pods: readonly Pod[],
  mayRun: boolean,
  surging: boolean,
  plan: DaemonSetPlan,
): void {
  const running: Pod[] = []
  for (const pod of pods) {
    if (isTerminating(pod)) continue
    if (isFinished(pod)) {
      plan.ended.push(pod)
      plan.delete.push(pod)
    } else running.push(pod)
  }
  if (surging) {
    // While a new pod comes up the old one stays; when it is available the old one goes.
    const fresh = running.filter(pod => isCurrent(pod, hash)).sort(byAge)
    const old = running.filter(pod => !isCurrent(pod, hash)).sort(byAge)
    const ready = fresh.some(pod => isAvailable(pod, set.spec.minReadySeconds ?? 0, now))
    plan.delete.push(...fresh.slice(1), ...old.slice(ready ? 0 : 1))
    return
  }
  const stillThere = pods.some(isTerminating)
  if (mayRun && running.length === 0 && !stillThere && plan.ended.length === 0) plan.create.push(node)
  plan.delete.push(...running.sort(byAge).slice(1))
}

/** In whole pods, of the nodes that should run one. */
export function limitsOf({ set, nodes }: Pick<DaemonSetState, 'set' | 'nodes'>): {
  maxSurge: number
  maxUnavailable: number
} {
  if (set.spec.updateStrategy?.type === 'OnDelete') return { maxSurge: 0, maxUnavailable: 0 }
  const desired = nodes.filter(node => placementOn(set, node).run).length
  const rolling = set.spec.updateStrategy?.rollingUpdate
  const maxSurge = scaledValue(rolling?.maxSurge ?? 0, desired, 'up') ?? 0
  const maxUnavailable = scaledValue(rolling?.maxUnavailable ?? 1, desired, 'up') ?? 0
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 && desired > 0 ? 1 : maxUnavailable }
}

/** One step of a rolling update. */
export function planUpdate(state: DaemonSetState): Pick<DaemonSetPlan, 'create' | 'delete'> {
  const limits = limitsOf(state)
  return limits.maxSurge > 0 ? planSurge(state, limits.maxSurge) : planReplace(state, limits.maxUnavailable)
}

function planReplace(state: DaemonSetState, maxUnavailable: number): Pick<DaemonSetPlan, 'create' | 'delete'> {
  const byNode = podsByTarget(state.pods)
  let unavailable = 0
  const broken: Pod[] = []
  const candidates: Pod[] = []
  for (const node of state.nodes) {
    if (!placementOn(state.set, node).run) continue
    const pods = byNode.get(node.metadata.name) ?? []
    const fresh = pods.find(pod => isCurrent(pod, state.hash))
    const old = pods.find(pod => !isCurrent(pod, state.hash))
    if (fresh && old) continue
    const pod = fresh ?? old
    const isUp =
      pod !== undefined && !isTerminating(pod) && isAvailable(pod, state.set.spec.minReadySeconds ?? 0, state.now)
    if (!isUp) unavailable += 1
    if (!old || isTerminating(old)) continue
    // An old pod that does not serve costs nothing to replace.
    if (isUp) candidates.push(old)
    else broken.push(old)
  }
  const room = Math.max(0, maxUnavailable - unavailable)
  return { create: [], delete: [...broken, ...candidates.slice(0, room)] }
}

function planSurge(state: DaemonSetState, maxSurge: number): Pick<DaemonSetPlan, 'create' | 'delete'> {
  const byNode = podsByTarget(state.pods.filter(pod => !isTerminating(pod)))
  let surging = 0
  const create: string[] = []
  const waiting: string[] = []
  const gone: Pod[] = []
  for (const node of state.nodes) {
    if (!placementOn(state.set, node).run) continue
    const pods = byNode.get(node.metadata.name) ?? []
    const fresh = pods.find(pod => isCurrent(pod, state.hash))
    const old = pods.find(pod => !isCurrent(pod, state.hash))
    if (!old) continue
    const minReady = state.set.spec.minReadySeconds ?? 0
    if (fresh) {
      surging += 1
      if (isAvailable(fresh, minReady, state.now)) gone.push(old)
    } else if (isAvailable(old, minReady, state.now)) waiting.push(node.metadata.name)
    // Nobody is served by it, so that the new one does not count as one too many.
    else create.push(node.metadata.name)
  }
  return { create: [...create, ...waiting.slice(0, Math.max(0, maxSurge - surging))], delete: gone }
}

export function statusOf(state: DaemonSetState, collisionCount: number | undefined): DaemonSetStatus {
  const { set, nodes, pods, hash, now } = state
  const byNode = podsByTarget(pods)
  const status: DaemonSetStatus = {
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
    updatedNumberScheduled: 0,
    numberAvailable: 0,
    numberUnavailable: 0,
    observedGeneration: set.metadata.generation ?? 0,
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
  }
  for (const node of nodes) {
    const here = (byNode.get(node.metadata.name) ?? []).sort(byAge)
    if (!placementOn(set, node).run) {
      if (here.length > 0) status.numberMisscheduled += 1
      continue
    }
    status.desiredNumberScheduled += 1
    // While two are there the older one speaks for the node: it is not updated before that one has gone.
    const [pod] = here
    if (pod === undefined) continue
    status.currentNumberScheduled += 1
    if (isReady(pod)) status.numberReady += 1
    if (isAvailable(pod, set.spec.minReadySeconds ?? 0, now)) status.numberAvailable! += 1
    if (isCurrent(pod, hash)) status.updatedNumberScheduled! += 1
  }
  status.numberUnavailable = status.desiredNumberScheduled - status.numberAvailable!
  return status
}
