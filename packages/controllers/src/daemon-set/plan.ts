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
  /** Those of them that have ended. One that failed goes only when it may be tried again. */
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
    // It has ended and is to go: somebody else's finalizer holds it, and nothing waits for that.
    if (isTerminating(pod) && isFinished(pod)) continue
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
    else if (stay) planOccupied(state, name, pods, { run, surging }, plan)
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
  { run, surging }: { run: boolean; surging: boolean },
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
  running.sort(byAge)
  if (!surging) {
    plan.delete.push(...running.slice(1))
    return
  }
  // While surging a pod that is on its way out need not be waited for.
  if (running.length === 0 && run) plan.create.push(node)
  // While a new pod comes up an old one that serves stays; when the new one is available the old one goes.
  const [fresh, ...surplus] = running.filter(pod => isCurrent(pod, hash))
  const [old, ...more] = running.filter(pod => !isCurrent(pod, hash))
  plan.delete.push(...surplus, ...more)
  const isNeeded = (): boolean => isReady(old!) && !isAvailable(fresh!, set.spec.minReadySeconds ?? 0, now)
  if (fresh && old && !isNeeded()) plan.delete.push(old)
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

/** The pods of every node that has one or should have one, those on their way out aside; nothing where there are too many. */
function nodesToUpdate(
  state: DaemonSetState,
): { node: string; run: boolean; pair: { fresh?: Pod; old?: Pod } | undefined }[] {
  const byNode = podsByTarget(state.pods)
  const running = new Set(state.nodes.filter(node => placementOn(state.set, node).run).map(node => node.metadata.name))
  return [...new Set([...running, ...byNode.keys()])].sort().map(node => {
    const pods = (byNode.get(node) ?? []).filter(pod => !isTerminating(pod))
    const fresh = pods.filter(pod => isCurrent(pod, state.hash))
    const old = pods.filter(pod => !isCurrent(pod, state.hash))
    const isClear = fresh.length <= 1 && old.length <= 1
    const pair = { ...(fresh[0] ? { fresh: fresh[0] } : {}), ...(old[0] ? { old: old[0] } : {}) }
    return { node, run: running.has(node), pair: isClear ? pair : undefined }
  })
}

function planReplace(state: DaemonSetState, maxUnavailable: number): Pick<DaemonSetPlan, 'create' | 'delete'> {
  const isUp = (pod: Pod): boolean => isAvailable(pod, state.set.spec.minReadySeconds ?? 0, state.now)
  let unavailable = 0
  const broken: Pod[] = []
  const candidates: Pod[] = []
  for (const { pair } of nodesToUpdate(state)) {
    const { fresh, old } = pair ?? {}
    if ((fresh === undefined) === (old === undefined)) unavailable += 1
    else if (fresh) unavailable += isUp(fresh) ? 0 : 1
    else if (isUp(old!)) candidates.push(old!)
    else {
      // An old pod that does not serve costs nothing to replace.
      unavailable += 1
      broken.push(old!)
    }
  }
  const room = Math.max(0, maxUnavailable - unavailable)
  return { create: [], delete: [...broken, ...candidates.slice(0, room)] }
}

function planSurge(state: DaemonSetState, maxSurge: number): Pick<DaemonSetPlan, 'create' | 'delete'> {
  const isUp = (pod: Pod | undefined): boolean =>
    pod !== undefined && isAvailable(pod, state.set.spec.minReadySeconds ?? 0, state.now)
  let surging = 0
  let available = 0
  const create: string[] = []
  const waiting: string[] = []
  const gone: Pod[] = []
  /** On nodes that should have none any more. */
  const misplaced: Pod[] = []
  for (const { node, run, pair } of nodesToUpdate(state)) {
    const { fresh, old } = pair ?? {}
    if (pair === undefined) surging += 1
    if (isUp(old ?? fresh)) available += 1
    if (!old) continue
    if (fresh) {
      if (isUp(fresh)) gone.push(old)
      else surging += 1
    } else if (!run) (isUp(old) ? misplaced : gone).push(old)
    else if (isUp(old)) waiting.push(node)
    // Nobody is served by it, so that the new one does not count as one too many.
    else create.push(node)
  }
  const desired = state.nodes.filter(node => placementOn(state.set, node).run).length
  // They serve until others do.
  gone.push(...misplaced.slice(0, Math.max(0, available - desired)))
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
