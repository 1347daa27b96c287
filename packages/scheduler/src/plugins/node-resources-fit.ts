import type { DeviceClass } from '@canopus/api/resource/v1'
import type { SharedDevices } from '../devices/shared-devices.ts'
import type { ClusterChange, Rejection, SchedulerPlugin } from '../framework.ts'
import type { NodeFigures } from '../node-figures.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'
import { resourcesOf } from '../resources.ts'
import { CPU_AND_MEMORY, emptiness, isUsual, type ScoringStrategy, strategyScorer } from './resource-scores.ts'

const name = 'NodeResourcesFit'

export interface FitOptions {
  /** Extended resources, by name or by the group before the slash, that some extender looks after. */
  ignoredResources?: readonly string[]
  ignoredResourceGroups?: readonly string[]
  scoringStrategy?: ScoringStrategy
  /** Resources that devices stand for are not checked by this plugin on nodes that have none of their own. */
  devices?: SharedDevices
}

/** What the pod lacks on the node; nothing where it fits. */
export function lackingResources(
  pod: PodInfo,
  node: NodeInfo,
  counts?: (resource: string) => boolean,
  isDevices?: (resource: string) => boolean,
): Rejection | undefined {
  const { requests } = pod
  const reasons: string[] = node.pods.size + 1 > (node.allocatable.pods ?? 0) ? ['Too many pods'] : []
  let unresolvable = false
  for (const resource of inOrder(requests)) {
    const wanted = requests[resource]!
    const total = node.allocatable[resource] ?? 0
    if (wanted <= 0 || resource === 'pods') continue
    if (counts !== undefined && resource.includes('/') && !counts(resource)) continue
    if (wanted <= total - (node.requested[resource] ?? 0)) continue
    if (total === 0 && isDevices !== undefined && resource.includes('/') && isDevices(resource)) continue
    reasons.push(`Insufficient ${resource}`)
    if (wanted > total) unresolvable = true
  }
  return reasons.length === 0 ? undefined : rejectionFor(reasons, unresolvable)
}

const REJECTIONS_KEPT = 1000
const rejections = { resolvable: new Map<string, Rejection>(), unresolvable: new Map<string, Rejection>() }

/** The same object for the same reasons, of which there are few: thousands of nodes often lack the same. */
function rejectionFor(reasons: readonly string[], unresolvable: boolean): Rejection {
  const known = unresolvable ? rejections.unresolvable : rejections.resolvable
  const key = reasons.length === 1 ? reasons[0]! : reasons.join()
  let rejection = known.get(key)
  if (rejection === undefined) {
    if (known.size >= REJECTIONS_KEPT) known.clear()
    rejection = { plugin: name, reasons, ...(unresolvable ? { unresolvable } : {}) }
    known.set(key, rejection)
  }
  return rejection
}

const first = ['cpu', 'memory', 'ephemeral-storage']
const orders = new WeakMap<Readonly<Record<string, number>>, readonly string[]>()

function inOrder(requests: Readonly<Record<string, number>>): readonly string[] {
  let order = orders.get(requests)
  if (order === undefined) {
    const others = Object.keys(requests).filter(each => !first.includes(each))
    order = [...first.filter(each => each in requests), ...others]
    orders.set(requests, order)
  }
  return order
}

const asksForMore = (requests: Readonly<Record<string, number>>): boolean =>
  Object.keys(requests).some(each => each !== 'cpu' && each !== 'memory' && each !== 'pods')

/** Resources of other names may be looked after by somebody else, so that not the node alone decides. */
const isUsualPod = ({ requests }: PodInfo): boolean => !Object.keys(requests).some(each => each.includes('/'))

/** Pods, cpu and memory of many nodes at once. */
function keepFitting(pod: PodInfo, figures: NodeFigures, slots: Int32Array, count: number): number {
  const { allocatableCpu, allocatableMemory, allocatablePods, requestedCpu, requestedMemory, pods } = figures
  // What is not asked for is never lacking, even where a node has less than nothing of it.
  const cpu = pod.requests.cpu || Number.NEGATIVE_INFINITY
  const memory = pod.requests.memory || Number.NEGATIVE_INFINITY
  let kept = 0
  for (let i = 0; i < count; i++) {
    const slot = slots[i]!
    if (pods[slot]! >= allocatablePods[slot]!) continue
    if (requestedCpu[slot]! + cpu > allocatableCpu[slot]!) continue
    if (requestedMemory[slot]! + memory > allocatableMemory[slot]!) continue
    slots[kept++] = slot
  }
  return kept
}

/** The node must have what the pod requests; how full it gets makes it better or worse, as the strategy says. */
export function createNodeResourcesFit(options: FitOptions = {}): SchedulerPlugin {
  const strategy = options.scoringStrategy ?? { type: 'LeastAllocated', resources: CPU_AND_MEMORY }
  const { devices } = options
  const score = isUsual(strategy) ? emptiness : strategyScorer(strategy, devices)
  const counts = (resource: string): boolean => {
    if (options.ignoredResources?.includes(resource)) return false
    return !options.ignoredResourceGroups?.includes(resource.split('/', 1)[0]!) || !resource.includes('/')
  }
  const restricted = (options.ignoredResources?.length ?? 0) + (options.ignoredResourceGroups?.length ?? 0) > 0
  const isDevices = devices && ((resource: string): boolean => devices.classFor(resource) !== undefined)
  const lacking = (pod: PodInfo, node: NodeInfo): Rejection | undefined =>
    lackingResources(pod, node, restricted ? counts : undefined, isDevices)
  return {
    name,
    events: ['NodeAdd', 'NodeAllocatable', 'AssignedPodDelete', 'AssignedPodUpdate', 'PodUpdate', 'DeviceClass'],
    hint: (pod, change) => fitHint(pod, change, isDevices),
    filter: (pod, { cache }) => ({
      ...(isUsualPod(pod) ? { isLocal: true } : {}),
      check: node => lacking(pod, node),
      // Other resources are rare: the nodes that pass are asked one by one.
      keep(slots, count) {
        const fitting = keepFitting(pod, cache.figures, slots, count)
        if (!asksForMore(pod.requests)) return fitting
        let kept = 0
        for (let i = 0; i < fitting; i++) {
          if (lacking(pod, cache.nodes[slots[i]!]!) === undefined) slots[kept++] = slots[i]!
        }
        return kept
      },
    }),
    score: (pod, { cache }) => score(pod, cache),
  }
}

export const nodeResourcesFit = createNodeResourcesFit()

/** Whether the change gave room of a kind that the pod asks for (isSchedulableAfterNodeChange and ...PodEvent upstream). */
function fitHint(pod: PodInfo, change: ClusterChange, isDevices: ((resource: string) => boolean) | undefined): boolean {
  const { event, node, oldNode, pod: other, oldPod } = change
  if (event === 'DeviceClass') return isAskedFor(pod, change)
  if (event === 'AssignedPodUpdate') {
    if (other === undefined || oldPod === undefined) return true
    return Object.keys(pod.requests).some(each => (other.requests[each] ?? 0) < (oldPod.requests[each] ?? 0))
  }
  if (node === undefined || (event !== 'NodeAdd' && event !== 'NodeAllocatable')) return true
  const now = resourcesOf(node.status?.allocatable)
  const byDevices = (resource: string): boolean => !now[resource] && isDevices?.(resource) === true
  const lacks = ([resource, wanted]: [string, number]): boolean => wanted > (now[resource] ?? 0) && !byDevices(resource)
  if (Object.entries(pod.requests).some(lacks)) return false
  if (oldNode === undefined || Object.keys(pod.requests).some(byDevices)) return true
  const before = resourcesOf(oldNode.status?.allocatable)
  return ['pods', ...Object.keys(pod.requests)].some(each => (now[each] ?? 0) > (before[each] ?? 0))
}

/** Whether the class has come to stand for a resource that the pod asks for. */
function isAskedFor({ requests }: PodInfo, { object, oldObject }: ClusterChange): boolean {
  const now = object as DeviceClass | undefined
  const before = oldObject as DeviceClass | undefined
  if (now === undefined) return false
  const { extendedResourceName: resource } = now.spec
  if (before === undefined && `deviceclass.resource.kubernetes.io/${now.metadata.name}` in requests) return true
  return resource !== undefined && resource !== before?.spec.extendedResourceName && resource in requests
}
