import type { Profile, ProfileEntry, SchedulerPlugin } from './framework.ts'
import { balancedAllocation } from './plugins/balanced-allocation.ts'
import { imageLocality } from './plugins/image-locality.ts'
import { interPodAffinity } from './plugins/inter-pod-affinity.ts'
import { nodeAffinity } from './plugins/node-affinity.ts'
import { nodeName } from './plugins/node-name.ts'
import { nodePorts } from './plugins/node-ports.ts'
import { nodeResourcesFit } from './plugins/node-resources-fit.ts'
import { nodeUnschedulable } from './plugins/node-unschedulable.ts'
import { podTopologySpread } from './plugins/pod-topology-spread.ts'
import { prioritySort } from './plugins/priority-sort.ts'
import { schedulingGates } from './plugins/scheduling-gates.ts'
import { taintToleration } from './plugins/taint-toleration.ts'

const entry = (plugin: SchedulerPlugin, weight = 0): ProfileEntry => ({ plugin, weight })

/** Upstream's default plugins with their order and weights (pkg/scheduler/apis/config/v1/default_plugins.go). */
export const defaultProfile: Profile = [
  entry(schedulingGates),
  entry(prioritySort),
  entry(nodeUnschedulable),
  entry(nodeName),
  entry(taintToleration, 3),
  entry(nodeAffinity, 2),
  entry(nodePorts),
  entry(nodeResourcesFit, 1),
  entry(podTopologySpread, 2),
  entry(interPodAffinity, 2),
  entry(balancedAllocation, 1),
  entry(imageLocality, 1),
]
