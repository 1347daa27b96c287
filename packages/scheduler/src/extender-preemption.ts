import type { ExtenderConfiguration } from './config/extender-configuration.ts'
import { Answer } from './extender-answer.ts'
import type { PreemptionCandidate } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import type { PodInfo } from './pod-info.ts'

/** What an extender is asked: whole pods, or their uids where it knows pods itself (ExtenderPreemptionArgs upstream). */
export function preemptionArgs(
  { pod }: PodInfo,
  candidates: readonly PreemptionCandidate[],
  nodeCacheCapable: boolean,
): unknown {
  const victims = (of: (victim: PodInfo) => unknown): unknown =>
    Object.fromEntries(
      candidates.map(each => [each.node.name, { Pods: each.victims.map(of), NumPDBViolations: each.violations }]),
    )
  return nodeCacheCapable
    ? { Pod: pod, NodeNameToVictims: null, NodeNameToMetaVictims: victims(each => ({ UID: each.uid })) }
    : { Pod: pod, NodeNameToVictims: victims(each => each.pod), NodeNameToMetaVictims: null }
}

/**
 * The candidates that an extender answers (ExtenderPreemptionResult upstream: always by uids).
 *
 * @throws Error in upstream's words where it names a node or a pod that is not there, or nobody to evict; an extender that
 * may be left out may name nobody: its node is left out then.
 */
export function preemptionCandidates(
  { urlPrefix, ignorable }: ExtenderConfiguration,
  value: unknown,
  nodeOf: (name: string) => NodeInfo | undefined,
): PreemptionCandidate[] {
  const candidates: PreemptionCandidate[] = []
  for (const [name, each] of Object.entries(new Answer(value).record('NodeNameToMetaVictims'))) {
    const node = nodeOf(name)
    if (node === undefined) throw new Error(`nodeinfo not found for node name "${name}"`)
    const answer = new Answer(each)
    const victims = answer.list('Pods').map(victim => {
      const uid = new Answer(victim).text('UID') ?? ''
      for (const pod of node.pods.values()) if (pod.uid === uid) return pod
      const missing = `claims to preempt pod (UID: &{${uid}}) on node: ${name}, but the pod is not found on that node`
      throw new Error(`extender: ${urlPrefix} ${missing}`)
    })
    if (victims.length > 0) candidates.push({ node, victims, violations: answer.number('NumPDBViolations') })
    else if (!ignorable) throw new Error(`expected at least one victim pod on node "${name}"`)
  }
  return candidates
}
