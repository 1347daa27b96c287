import { tolerates } from '@canopus/api'
import type { Node, Taint, Toleration } from '@canopus/api/core/v1'
import { normaliseByHighest, type SchedulerPlugin } from '../framework.ts'

const rejection = { plugin: 'TaintToleration', reasons: ['node(s) had untolerated taint(s)'], unresolvable: true }

/** The first taint that keeps new pods off and that none of the tolerations covers. */
export function untoleratedTaint(taints: readonly Taint[], tolerations: readonly Toleration[]): Taint | undefined {
  return taints.find(
    taint =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
      !tolerations.some(each => tolerates(each, taint)),
  )
}

/** Keeps pods off nodes whose taints they do not tolerate; nodes with soft taints come last. */
export const taintToleration: SchedulerPlugin = {
  name: 'TaintToleration',
  events: ['NodeAdd', 'NodeTaint', 'PodUpdate'],
  hint(pod, { node, oldNode }) {
    if (node === undefined) return true
    const tolerations = pod.pod.spec?.tolerations ?? []
    const isBad = (each: Node): boolean => untoleratedTaint(each.spec?.taints ?? [], tolerations) !== undefined
    return !isBad(node) && (oldNode === undefined || isBad(oldNode))
  },
  staticKey: pod => JSON.stringify(pod.pod.spec?.tolerations ?? []),
  filter(pod) {
    const tolerations = pod.pod.spec?.tolerations ?? []
    return {
      check(node) {
        const taints = node.node.spec?.taints
        return taints !== undefined && untoleratedTaint(taints, tolerations) !== undefined ? rejection : undefined
      },
    }
  },
  score(pod, _cluster, { nodes }) {
    if (!nodes.some(node => node.node.spec?.taints?.some(taint => taint.effect === 'PreferNoSchedule')))
      return undefined
    const soft = (pod.pod.spec?.tolerations ?? []).filter(each => !each.effect || each.effect === 'PreferNoSchedule')
    const isBad = (taint: Taint): boolean =>
      taint.effect === 'PreferNoSchedule' && !soft.some(each => tolerates(each, taint))
    return {
      score: node => node.node.spec?.taints?.filter(isBad).length ?? 0,
      normalise: scores => normaliseByHighest(scores, true),
    }
  },
}
