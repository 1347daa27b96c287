import type { SchedulerPlugin } from '../framework.ts'

const rejection = { plugin: 'NodePorts', reasons: ["node(s) didn't have free ports for the requested pod ports"] }

/** A host port is taken by one pod at a time, per protocol and address. */
export const nodePorts: SchedulerPlugin = {
  name: 'NodePorts',
  events: ['NodeAdd', 'AssignedPodDelete'],
  hint(pod, { pod: other }) {
    if (other === undefined) return true
    return other.hostPorts.some(theirs =>
      pod.hostPorts.some(own => own.port === theirs.port && own.protocol === theirs.protocol),
    )
  },
  filter(pod) {
    if (pod.hostPorts.length === 0) return undefined
    return {
      isLocal: true,
      check: node => (pod.hostPorts.some(port => node.hasPortConflict(port)) ? rejection : undefined),
    }
  },
}
