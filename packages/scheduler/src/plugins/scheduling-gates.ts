import type { SchedulerPlugin } from '../framework.ts'

/** Pods with scheduling gates wait until whoever set the gates has removed them. */
export const schedulingGates: SchedulerPlugin = {
  name: 'SchedulingGates',
  events: ['PodUpdate'],
  preEnqueue(pod) {
    const gates = (pod.pod.spec?.schedulingGates ?? []).map(each => each.name)
    if (gates.length === 0) return undefined
    const reasons = [`waiting for scheduling gates: [${gates.join(' ')}]`]
    return { plugin: 'SchedulingGates', reasons, unresolvable: true }
  },
}
