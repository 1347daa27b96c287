import { tolerates } from '@canopus/api'
import type { SchedulerPlugin } from '../framework.ts'

const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }
const rejection = { plugin: 'NodeUnschedulable', reasons: ['node(s) were unschedulable'], unresolvable: true }

/** Keeps pods off cordoned nodes, unless they tolerate that. */
export const nodeUnschedulable: SchedulerPlugin = {
  name: 'NodeUnschedulable',
  events: ['NodeAdd', 'NodeTaint', 'PodUpdate'],
  staticKey: pod => JSON.stringify(pod.pod.spec?.tolerations ?? []),
  filter(pod) {
    const tolerated = (pod.pod.spec?.tolerations ?? []).some(each => tolerates(each, cordon))
    if (tolerated) return undefined
    return { check: node => (node.node.spec?.unschedulable === true ? rejection : undefined) }
  },
}
