import type { SchedulerPlugin } from '../framework.ts'

const rejection = {
  plugin: 'NodeName',
  reasons: ["node(s) didn't match the requested node name"],
  unresolvable: true,
}

/** A pod that names its node goes nowhere else. */
export const nodeName: SchedulerPlugin = {
  name: 'NodeName',
  events: ['NodeAdd'],
  staticKey: pod => pod.pod.spec?.nodeName ?? '',
  filter(pod) {
    const wanted = pod.pod.spec?.nodeName
    if (!wanted) return undefined
    return { check: node => (node.name === wanted ? undefined : rejection) }
  },
}
