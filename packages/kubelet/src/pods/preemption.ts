/** Which pods make way for a critical one (upstream pkg/kubelet/preemption/preemption.go). */
import type { Pod } from '@canopus/api/core/v1'
import type { Rejection } from './admission.ts'
import { measureOf, podRequest } from './fit.ts'
import { type QosClass, qosClass } from './qos.ts'

/** How much is missing, by resource. */
export type Missing = ReadonlyMap<string, number>

const SYSTEM_CRITICAL = 2_000_000_000

/** Whether the cluster cannot do without the pod: want of resources is no reason to refuse it, or to kill it first. */
export const isCritical = (pod: Pod): boolean => (pod.spec.priority ?? 0) >= SYSTEM_CRITICAL

/**
 * The pods that are to end so that there is enough; or why there are none. Those that were promised least go first; of each
 * class as few as possible, and of those that serve alike the ones that ask for less.
 */
export function podsToPreempt(preemptor: Pod, pods: readonly Pod[], missing: Missing): Pod[] | Rejection {
  const lesser = pods.filter(pod => isPreemptable(preemptor, pod))
  const of = (quality: QosClass): Pod[] => lesser.filter(pod => qosClass(pod) === quality)
  const [bestEffort, burstable, guaranteed] = [of('BestEffort'), of('Burstable'), of('Guaranteed')]
  const lacking = without(missing, lesser)
  if (lacking.size > 0) return cannotPreempt(lacking)
  const third = nearest(guaranteed, without(missing, [...bestEffort, ...burstable]))
  const second = nearest(burstable, without(missing, [...bestEffort, ...third]))
  const first = nearest(bestEffort, without(missing, [...second, ...third]))
  return [...first, ...second, ...third]
}

/** Why a critical pod is refused: there is nobody that could make way for it. */
function cannotPreempt(missing: Missing): Rejection {
  const list = [...missing].map(([resource, amount]) => `(res: ${resource}, q: ${amount}), `).join('')
  const why = `preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${list}]`
  return {
    reason: 'UnexpectedAdmissionError',
    message: `Unexpected error while attempting to recover from admission failure: ${why}`,
  }
}

function isPreemptable(preemptor: Pod, pod: Pod): boolean {
  if (isCritical(preemptor) && !isCritical(pod)) return true
  const [own, other] = [preemptor.spec.priority, pod.spec.priority]
  return own !== undefined && other !== undefined && own > other
}

/** Every pod takes one pod's place. */
const request = (pod: Pod, resource: string): number =>
  resource === 'pods' ? 1 : podRequest(pod, resource, measureOf(resource))

/** What is still missing once the pods are gone. */
function without(missing: Missing, pods: readonly Pod[]): Missing {
  const left = [...missing].map(([resource, amount]): [string, number] => [
    resource,
    amount - pods.reduce((sum, pod) => sum + request(pod, resource), 0),
  ])
  return new Map(left.filter(([, amount]) => amount > 0))
}

/** One after the other the pod that brings most of what is missing then. */
function nearest(pods: readonly Pod[], missing: Missing): Pod[] {
  const left = new Set(pods)
  const chosen: Pod[] = []
  let wanted = missing
  while (wanted.size > 0 && left.size > 0) {
    const best = [...left].reduce((a, b) => (isBetter(b, a, wanted) ? b : a))
    left.delete(best)
    chosen.push(best)
    wanted = without(wanted, [best])
  }
  return chosen
}

function isBetter(pod: Pod, than: Pod, missing: Missing): boolean {
  const difference = distance(pod, missing) - distance(than, missing)
  return difference < 0 || (difference === 0 && asksForLess(pod, than))
}

/** Every resource counts alike, however large its numbers are. */
function distance(pod: Pod, missing: Missing): number {
  const shares = [...missing].map(([resource, amount]) => Math.max(0, amount - request(pod, resource)) / amount)
  return shares.reduce((sum, share) => sum + share ** 2, 0)
}

/** Also where both ask for the same. */
function asksForLess(pod: Pod, than: Pod): boolean {
  for (const resource of ['memory', 'cpu']) {
    const difference = request(pod, resource) - request(than, resource)
    if (difference !== 0) return difference < 0
  }
  return true
}
